"""Backstage's catalogue: entities of many files, their owners, and what they say of each other."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import backstage
from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import EXACTLY, ReadContext
from cmdb.importers.records import Kind, KindSeen, ParsedRecord
from cmdb.importers.registry import default_mapping
from cmdb.schemas import Problem, Severity

SEED = Path(__file__).parents[3] / "seed_data/sources/backstage"


class Catalogue:
    """What the importer makes of files."""

    def __init__(self, *contents: str | bytes, **mapping: Any) -> None:
        files = [
            OpenedFile(f"{number}.yaml", each.encode() if isinstance(each, str) else each)
            for number, each in enumerate(contents)
        ]
        context = ReadContext(Mapping.model_validate(mapping).over(default_mapping("backstage")))
        items = list(backstage.read(files, context))
        records = [each for each in items if isinstance(each, ParsedRecord)]
        self.problems = [each for each in items if isinstance(each, Problem)]
        self.seen = [each for each in items if isinstance(each, KindSeen)]
        self.cis = {r.fields["key"]: r for r in records if r.kind is Kind.CI}
        self.edges = sorted(
            (r.fields["dependent"], r.fields["type"], r.fields["provider"])
            for r in records
            if r.kind is Kind.RELATIONSHIP
        )

    def __getitem__(self, ref: str) -> dict[str, Any]:
        return self.cis[ref].fields

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.problems]


def entity(kind: str, name: str, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    relations = more.pop("relations", None)
    found: dict[str, Any] = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **more},
        "spec": spec or {},
    }
    return found | ({"relations": relations} if relations else {})


def listed(*entities: dict[str, Any]) -> str:
    return json.dumps(entities)


def test_a_file_of_many_documents_is_recognised_and_another_format_is_not() -> None:
    yaml = OpenedFile("x.yaml", b"---\napiVersion: backstage.io/v1alpha1\nkind: API\n---\na: 1\n")
    found = backstage.recognises(yaml)
    assert found is not None
    assert found.certainty == EXACTLY
    page = OpenedFile("x", json.dumps({"items": [entity("API", "a")]}).encode())
    assert backstage.recognises(page) is not None
    labelled = b"apiVersion: v1\nkind: Pod\nmetadata: {labels: {backstage.io/kubernetes-id: x}}\n"
    assert backstage.recognises(OpenedFile("pod.yaml", labelled)) is None


def test_kinds_and_types_become_classes_under_the_reference_as_the_key() -> None:
    found = Catalogue(
        listed(
            entity("Component", "Shop-Web", {"type": "website"}),
            entity("API", "shop", namespace="Retail"),
            entity("Resource", "db", {"type": "database"}),
            entity("Resource", "files", {"type": "s3-bucket"}),
            entity("Resource", "events", {"type": "kafka-topic"}),
            entity("System", "sales"),
            entity("Domain", "retail"),
        )
    )
    assert {key: record.fields["ci_class"] for key, record in found.cis.items()} == {
        "component:default/shop-web": "application",
        "api:retail/shop": "technical_service",
        "resource:default/db": "database",
        "resource:default/files": "storage",
        "resource:default/events": "queue",
        "system:default/sales": "application_service",
        "domain:default/retail": "business_service",
    }
    assert found["component:default/shop-web"]["name"] == "Shop-Web"
    assert not found.problems


def test_services_are_named_by_their_title_and_software_by_its_name() -> None:
    found = Catalogue(
        listed(
            entity("System", "order-processing", title="Order Processing"),
            entity("Component", "orders-api", title="Orders: the API"),
        )
    )
    assert found["system:default/order-processing"]["name"] == "Order Processing"
    assert found["component:default/orders-api"]["name"] == "orders-api"
    assert found.cis["component:default/orders-api"].attributes["title"] == "Orders: the API"
    plain = Catalogue(
        listed(entity("System", "order-processing", title="Order Processing")),
        options={"names_from_title": []},
    )
    assert plain["system:default/order-processing"]["name"] == "order-processing"


def test_every_field_that_names_others_runs_from_the_dependent_to_the_provider() -> None:
    found = Catalogue(
        listed(
            entity(
                "Component",
                "web",
                {
                    "dependsOn": ["resource:db"],
                    "dependencyOf": ["component:app"],
                    "consumesApis": ["prices"],
                    "providesApis": ["shop"],
                    "system": "sales",
                    "subcomponentOf": "suite",
                },
            ),
            entity("Component", "app"),
            entity("Component", "suite"),
            entity("Resource", "db", {"type": "database"}),
            entity("API", "prices"),
            entity("API", "shop"),
            entity("System", "sales", {"domain": "retail"}),
            entity("Domain", "retail", {"subdomainOf": "group"}),
            entity("Domain", "group"),
        )
    )
    assert found.edges == [
        ("api:default/shop", "provided_by", "component:default/web"),
        ("component:default/app", "depends_on", "component:default/web"),
        ("component:default/suite", "contains", "component:default/web"),
        ("component:default/web", "consumes", "api:default/prices"),
        ("component:default/web", "depends_on", "resource:default/db"),
        ("domain:default/group", "contains", "domain:default/retail"),
        ("domain:default/retail", "contains", "system:default/sales"),
        ("system:default/sales", "contains", "component:default/web"),
    ]


def test_references_may_be_short_in_any_case_or_written_out() -> None:
    ends = ["db", "Resource:DB", "resource:default/db", {"kind": "Resource", "name": "db"}]
    for end in ends:
        found = Catalogue(
            listed(
                entity("Component", "web", {"dependsOn": [end]}),
                entity("Resource", "Db", {"type": "database"}),
            )
        )
        assert found.edges == [("component:default/web", "depends_on", "resource:default/db")], end


def test_a_short_reference_means_the_namespace_of_the_entity_that_has_it() -> None:
    found = Catalogue(
        listed(
            entity("Component", "web", {"system": "sales"}, namespace="eu"),
            entity("System", "sales", namespace="eu"),
            entity("System", "sales"),
        )
    )
    assert found.edges == [("system:eu/sales", "contains", "component:eu/web")]


def test_an_entity_of_one_file_may_name_that_of_another_in_any_order() -> None:
    web = listed(entity("Component", "web", {"dependsOn": ["resource:db"], "owner": "shop"}))
    rest = (
        "apiVersion: backstage.io/v1alpha1\nkind: Resource\n"
        "metadata: {name: db}\nspec: {type: database}\n"
        "---\napiVersion: backstage.io/v1alpha1\nkind: Group\n"
        "metadata: {name: shop, title: Shop}\n"
    )
    for files in ((web, rest), (rest, web)):
        found = Catalogue(*files)
        assert found.edges == [("component:default/web", "depends_on", "resource:default/db")]
        assert found["component:default/web"]["owner"] == "Shop"


def test_what_relations_repeat_is_said_once_and_what_only_they_say_counts() -> None:
    found = Catalogue(
        listed(
            entity(
                "Component",
                "web",
                {"dependsOn": ["resource:db"], "system": "sales"},
                relations=[
                    {"type": "dependsOn", "targetRef": "resource:default/db"},
                    {"type": "partOf", "targetRef": "system:default/sales"},
                    {"type": "ownedBy", "targetRef": "group:default/team"},
                    {"type": "consumesApi", "target": {"kind": "api", "name": "prices"}},
                ],
            ),
            entity(
                "Resource",
                "db",
                {"type": "database"},
                relations=[{"type": "dependencyOf", "targetRef": "component:default/web"}],
            ),
            entity(
                "System",
                "sales",
                relations=[{"type": "hasPart", "targetRef": "component:default/web"}],
            ),
            entity("API", "prices"),
        )
    )
    assert found.edges == [
        ("component:default/web", "consumes", "api:default/prices"),
        ("component:default/web", "depends_on", "resource:default/db"),
        ("system:default/sales", "contains", "component:default/web"),
    ]
    assert found["component:default/web"]["owner"] == "team"


def test_owners_are_shown_as_their_group_is_called_and_bring_its_support_group() -> None:
    team = entity(
        "Group",
        "payments",
        {"profile": {"displayName": "Payments"}},
        title="Not this",
        annotations={"support-group": "payments-oncall"},
    )
    found = Catalogue(
        listed(
            team,
            entity("Component", "a", {"owner": "group:default/payments"}),
            entity("Component", "b", {"owner": "Payments"}),
            entity("Component", "c", {"owner": "unheard-of"}),
        )
    )
    assert [found[f"component:default/{name}"]["owner"] for name in "abc"] == [
        "Payments",
        "Payments",
        "unheard-of",
    ]
    assert found["component:default/a"]["support_group"] == "payments-oncall"
    assert "group:default/payments" not in found.cis


def test_lifecycles_become_status_and_environment() -> None:
    found = Catalogue(
        listed(
            *(
                entity("Component", name, {"lifecycle": name})
                for name in ("production", "experimental", "deprecated", "retired", "staging")
            )
        )
    )
    said = {
        record.fields["name"]: (record.fields["status"], record.fields["environment"])
        for record in found.cis.values()
    }
    assert said == {
        "production": ("active", "production"),
        "experimental": ("active", "development"),
        "deprecated": ("active", "production"),
        "retired": ("retired", "production"),
        "staging": ("active", "staging"),
    }
    changed = Catalogue(
        listed(entity("Component", "x", {"lifecycle": "deprecated"})),
        values={"status": {"deprecated": "maintenance"}},
    )
    assert changed["component:default/x"]["status"] == "maintenance"


def test_references_to_entities_that_no_file_has_are_left_out_by_name() -> None:
    found = Catalogue(
        listed(entity("Component", "web", {"dependsOn": ["resource:gone"], "system": "Lost"}))
    )
    assert not found.edges
    assert found.codes == ["unknown_entities"]
    assert "resource:default/gone, system:default/lost" in found.problems[0].message
    assert found.problems[0].severity is Severity.WARNING


def test_a_reference_to_what_rules_leave_out_is_no_error() -> None:
    found = Catalogue(
        listed(
            entity("Component", "web", {"dependsOn": ["component:lib"]}),
            entity("Component", "lib", {"type": "library"}),
        ),
        ignore={"classes": ["component:library"]},
    )
    assert list(found.cis) == ["component:default/web"]
    assert not found.edges
    assert found.codes == ["references_left_out"]


def test_pagerduty_stays_an_attribute_but_its_key_does_not() -> None:
    found = Catalogue(
        listed(
            entity(
                "Component",
                "web",
                annotations={
                    "pagerduty.com/service-id": "P1",
                    "pagerduty.com/integration-key": "hush",
                    "backstage.io/managed-by-location": "url:x",
                },
                tags=["java"],
                links=[{"url": "https://wiki.example/web"}],
            )
        )
    )
    record = found.cis["component:default/web"]
    assert record.attributes == {
        "tags": ["java"],
        "links": ["https://wiki.example/web"],
        "annotations.pagerduty.com/service-id": "P1",
    }
    assert found.codes == ["secrets_left_out"]
    assert "hush" not in found.problems[0].message


def test_substitutions_are_left_alone() -> None:
    found = Catalogue(
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: a}\n"
        "spec: {type: openapi, definition: {$text: ./a.yaml}, notes: {$text: ./b.txt}}\n"
    )
    assert found.cis["api:default/a"].attributes == {"type": "openapi"}


def test_a_type_that_the_mapping_does_not_know_becomes_generic_with_a_warning() -> None:
    robots = listed(entity("Resource", "r1", {"type": "robot"}))
    found = Catalogue(robots)
    assert found["resource:default/r1"]["ci_class"] == "generic"
    assert found.codes == ["unknown_source_class"]
    mapped = Catalogue(robots, classes={"resource:robot": "endpoint"})
    assert mapped["resource:default/r1"]["ci_class"] == "endpoint"
    assert not mapped.problems


def test_documents_that_are_no_entities_are_named_and_broken_ones_are_errors() -> None:
    found = Catalogue(
        "apiVersion: v1\nkind: ConfigMap\n---\n"
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {title: no name}\n"
    )
    assert not found.cis
    assert [(each.code, each.severity, each.row) for each in found.problems] == [
        ("missing_value", Severity.ERROR, 4),
        ("not_an_entity", Severity.WARNING, None),
    ]


def test_an_empty_answer_of_the_catalogue_says_that_there_is_nothing() -> None:
    assert {each.kind for each in Catalogue("[]").seen} == {Kind.CI, Kind.RELATIONSHIP}
    assert {each.kind for each in Catalogue('{"items": []}').seen} == {Kind.CI, Kind.RELATIONSHIP}


def test_a_page_of_more_retires_nothing_until_all_pages_are_there() -> None:
    pages = [
        json.dumps(
            {
                "items": [entity("System", name)],
                "totalItems": 2,
                "pageInfo": {"nextCursor": "b"} if name == "a" else {"prevCursor": "a"},
            }
        )
        for name in "ab"
    ]
    one = Catalogue(pages[0])
    assert one.codes == ["pages_missing"]
    assert not any(each.whole for each in one.seen)
    both = Catalogue(*pages)
    assert not both.problems
    assert all(each.whole for each in both.seen)


def test_the_seed_catalogue_is_read_without_errors() -> None:
    found = Catalogue(*(path.read_bytes() for path in sorted(SEED.iterdir())))
    assert len(found.cis) > 35
    assert found.codes == ["secrets_left_out"]
    assert found["system:default/order-processing"]["name"] == "Order Processing"


_words = st.sampled_from(["web", "default", "resource:db", "a/b", ":", "/", "x" * 300, "", "\x00"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "kind", "type", "dependsOn", "owner", "targetRef", "namespace", "url"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_entities = st.fixed_dictionaries(
    {"apiVersion": st.just("backstage.io/v1alpha1") | _values, "kind": _values | _words},
    optional={
        "metadata": st.fixed_dictionaries(
            {"name": _words | _values},
            optional=dict.fromkeys(["annotations", "labels", "links", "tags", "title"], _values),
        )
        | _values,
        "spec": st.dictionaries(
            st.sampled_from(["type", "dependsOn", "system", "owner", "providesApis", "x"]), _values
        )
        | _values,
        "relations": st.lists(_values, max_size=3) | _values,
    },
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_entities | _values, max_size=4), st.binary(max_size=40))
def test_whatever_the_files_hold_reading_does_not_raise(entries: list[Any], tail: bytes) -> None:
    for content in (json.dumps(entries).encode(), json.dumps({"items": entries}).encode() + tail):
        backstage.recognises(OpenedFile("x", content))
        Catalogue(content)
