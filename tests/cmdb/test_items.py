"""Configuration items and relationships one by one, as the API writes them."""

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cmdb.history import history
from cmdb.inventory import NoSuchCIError, get_ci, list_cis
from cmdb.item_checks import InvalidCIError
from cmdb.items import CITakenError, StaleCIError, create_cis, retire_ci, update_ci
from cmdb.references import UnresolvedCIError, resolve
from cmdb.relationship_checks import InvalidRelationshipError
from cmdb.relationship_reads import (
    NoSuchRelationshipError,
    get_relationship,
    list_relationships,
    neighbours,
)
from cmdb.relationships import (
    RelationshipTakenError,
    StaleRelationshipError,
    create_relationships,
    delete_relationship,
    update_relationship,
)
from cmdb.schemas import (
    CIIn,
    CIOut,
    CIPatch,
    RelationshipIn,
    RelationshipOut,
    RelationshipPatch,
)
from opsatlas import revision
from opsatlas.actor import Actor, Role
from opsatlas.db.listing import parse_query
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import CIS, audited, contents, dangling, load_texts

ANN = Actor("ann", Role.ADMIN, "req-1")


def created(session: Session, *names: str, **fields: Any) -> list[CIOut]:
    items = [CIIn(name=name, **{"ci_class": "server", **fields}) for name in names]
    return create_cis(session, items, ANN)


def related(session: Session, dependent: int, provider: int, **fields: Any) -> RelationshipOut:
    item = RelationshipIn.model_validate(
        {"dependent": {"id": dependent}, "provider": {"id": provider}, **fields}
    )
    return create_relationships(session, [item], ANN, single=True)[0]


def changes(engine: Engine, since: int) -> dict[str, set[int]]:
    with reading(engine) as session:
        found = revision.changed_since(session, since, ["ci", "relationship"])
    assert found is not None
    return found.ids


def test_a_ci_is_stored_in_the_form_that_a_load_would_give_it(engine: Engine) -> None:
    item = CIIn(
        name=" Web 1 ",
        ci_class="Virtual Machine",
        status="live",
        environment="PROD",
        criticality="2 - high",
        ip_address="10.0.0.1/24",
        fqdn="WEB1.example.com.",
        serial_number="N/A",
        attributes={"cores": 4, "gone": None},
    )
    with transaction(engine) as session:
        (out,) = create_cis(session, [item], ANN, single=True)
    with reading(engine) as session:
        assert get_ci(session, out.id) == out
    expected = {
        "name": "Web 1",
        "ci_class": "virtual_machine",
        "status": "active",
        "environment": "production",
        "criticality": 2,
        "ip_address": "10.0.0.1",
        "fqdn": "web1.example.com",
        "serial_number": None,
        "attributes": {"cores": 4},
        "keys": [{"source": "manual", "key": "Web 1"}],
        "version": 1,
    }
    assert out.model_dump(include=set(expected)) == expected
    assert changes(engine, 0)["ci"] == {out.id}
    assert audited(engine) == [("create", "ci")]


def test_everything_wrong_is_said_at_once_with_pointers_and_nothing_is_written(
    engine: Engine,
) -> None:
    items = [
        CIIn(name="a", ci_class="server"),
        CIIn(name=" ", ci_class="sever", ip_address="10.0.0.300", criticality=9),
    ]
    with pytest.raises(InvalidCIError) as caught, transaction(engine) as session:
        create_cis(session, items, ANN)
    assert [each.pointer for each in caught.value.errors] == [
        "/1/name",
        "/1/ci_class",
        "/1/criticality",
        "/1/ip_address",
    ]
    assert "'server'" in str(caught.value.errors[1].hint)
    with pytest.raises(InvalidCIError) as caught, transaction(engine) as session:
        create_cis(session, items[1:], ANN, single=True)
    assert caught.value.errors[0].pointer == "/name"
    assert contents(engine)["cis"] == []


def test_unknown_fields_are_refused() -> None:
    for model in (CIIn, CIPatch, RelationshipIn, RelationshipPatch):
        with pytest.raises(ValidationError, match="Extra inputs"):
            model.model_validate({"name": "a", "ci_class": "b", "colour": "red"})


def test_a_name_is_taken_within_its_class_unless_the_new_one_has_a_key(engine: Engine) -> None:
    load_texts(engine, CIS)
    with transaction(engine) as session:
        created(session, "web", ci_class="database")
        with pytest.raises(CITakenError) as caught:
            create_cis(session, [CIIn(name="WEB", ci_class="application")], ANN)
        assert caught.value.errors[0].candidates[0]["name"] == "web"
        created(session, "web", ci_class="application", key="another")
        with pytest.raises(CITakenError):
            created(session, "x", key="another")
        with pytest.raises(CITakenError, match="twice"):
            created(session, "y", "y")


def test_a_patch_changes_what_it_names_and_null_clears(engine: Engine) -> None:
    with transaction(engine) as session:
        (ci,) = created(session, "web", owner="Ann", attributes={"a": 1, "b": 2})
    patch = CIPatch.model_validate({"owner": None, "status": "spare", "attributes": {"a": None}})
    with transaction(engine) as session:
        out = update_ci(session, ci.id, patch, ANN, if_version=1)
    assert (out.owner, out.status, out.attributes, out.version) == (None, "in_stock", {"b": 2}, 2)
    with reading(engine) as session:
        entry = history(session, ci.id)[0]
    assert (entry.actor, entry.request_id, entry.action) == ("ann", "req-1", "update")
    assert entry.before == {"owner": "Ann", "status": "active", "attributes": {"a": 1, "b": 2}}
    assert entry.after == {"owner": None, "status": "in_stock", "attributes": {"b": 2}}


def test_a_renamed_ci_is_found_by_its_new_name(engine: Engine) -> None:
    with transaction(engine) as session:
        (ci,) = created(session, "web")
        update_ci(session, ci.id, CIPatch(name="Shop Front"), ANN)
        assert resolve(session, ["shop  FRONT"]) == [ci.id]
        with pytest.raises(UnresolvedCIError):
            resolve(session, ["web"])


def test_a_patch_that_changes_nothing_leaves_version_and_revision(engine: Engine) -> None:
    with transaction(engine) as session:
        (ci,) = created(session, "web")
    with transaction(engine) as session:
        before = revision.newest(session)
        out = update_ci(session, ci.id, CIPatch(name="web"), ANN)
        assert (out.version, revision.newest(session)) == (1, before)


@pytest.mark.parametrize("field", ["name", "ci_class", "status"])
def test_required_fields_cannot_be_cleared(sqlite_engine: Engine, field: str) -> None:
    with transaction(sqlite_engine) as session:
        (ci,) = created(session, "web")
        with pytest.raises(InvalidCIError) as caught:
            update_ci(session, ci.id, CIPatch.model_validate({field: None}), ANN)
    assert caught.value.errors[0].pointer == f"/{field}"


def test_a_change_of_what_someone_else_changed_is_refused(engine: Engine) -> None:
    with transaction(engine) as session:
        (ci,) = created(session, "web")
        update_ci(session, ci.id, CIPatch(owner="a"), ANN, if_version=1)
        with pytest.raises(StaleCIError):
            update_ci(session, ci.id, CIPatch(owner="b"), ANN, if_version=1)
        with pytest.raises(StaleCIError):
            retire_ci(session, ci.id, ANN, if_version=1)


def test_a_deleted_ci_is_retired_and_keeps_its_history_and_relationships(engine: Engine) -> None:
    with transaction(engine) as session:
        web, db = created(session, "web", "db")
        edge = related(session, web.id, db.id)
        retire_ci(session, db.id, ANN)
    with reading(engine) as session:
        assert get_ci(session, db.id).status == "retired"
        assert get_relationship(session, edge.id).provider.name == "db"
        assert [entry.action for entry in history(session, db.id)] == ["retire", "create"]


def test_history_names_the_source_and_run_of_a_load(engine: Engine) -> None:
    report = load_texts(engine, CIS, source="netbox")
    with reading(engine) as session:
        page = list_cis(session, parse_query({"name": ["db1"]}, 100))
        (entry,) = history(session, page.results[0].id)
    assert (entry.action, entry.source, entry.import_run) == ("create", "netbox", report.id)
    assert entry.after is not None
    assert (entry.after["name"], entry.after["key"]) == ("db1", "k-db1")
    assert "import_run" not in entry.after


def test_lists_are_filtered_and_cut_into_pages(engine: Engine) -> None:
    with transaction(engine) as session:
        created(session, *"abc")
        created(session, "d", ci_class="database")
    with reading(engine) as session:
        page = list_cis(session, parse_query({"ci_class": ["server"], "limit": ["2"]}, 100))
        assert ([each.name for each in page.results], page.count, page.more) == (
            ["a", "b"],
            3,
            True,
        )
        assert list_relationships(session, parse_query({}, 100)).results == []


def test_what_does_not_exist_is_not_found(sqlite_engine: Engine) -> None:
    with transaction(sqlite_engine) as session:
        with pytest.raises(NoSuchCIError):
            get_ci(session, 99)
        with pytest.raises(NoSuchCIError):
            neighbours(session, 99)
        with pytest.raises(NoSuchRelationshipError):
            delete_relationship(session, 99, ANN)


def test_relationships_are_created_by_any_reference(engine: Engine) -> None:
    load_texts(engine, CIS, source="one")
    item = RelationshipIn.model_validate(
        {"dependent": "WEB", "provider": {"source": "one", "key": "k-db1"}, "type": "Runs on"}
    )
    with transaction(engine) as session:
        (out,) = create_relationships(session, [item], ANN, single=True)
    expected = (out.dependent.name, out.provider.name, out.type, out.dependency, out.sources)
    assert expected == ("web", "db1", "runs_on", "required", ["manual"])
    assert changes(engine, 0)["relationship"] == {out.id}


def test_wrong_relationships_say_where(engine: Engine) -> None:
    with transaction(engine) as session:
        created(session, "web", "db")

    def refused(kind: type[Exception], *items: dict[str, Any]) -> Any:
        parsed = [RelationshipIn.model_validate(each) for each in items]
        with pytest.raises(kind) as caught, transaction(engine) as session:
            create_relationships(session, parsed, ANN)
        return caught.value

    good = {"dependent": "web", "provider": "db"}
    error = refused(UnresolvedCIError, good, {"dependent": "web", "provider": "dp"})
    assert error.errors[0].pointer == "/1/provider"
    error = refused(InvalidRelationshipError, good | {"type": "depend_on", "dependency": "maybe"})
    assert [each.pointer for each in error.errors] == ["/0/dependency", "/0/type"]
    error = refused(InvalidRelationshipError, good | {"provider": "WEB"})
    assert error.errors[0].pointer == "/0/provider"
    assert refused(InvalidRelationshipError, good | {"min_up": 1}).errors[0].pointer == "/0/min_up"
    grouped = good | {"redundancy_group": "g"}
    error = refused(InvalidRelationshipError, grouped | {"min_up": 2})
    assert (error.errors[0].pointer, "1 members" in error.detail) == ("/0/min_up", True)
    refused(RelationshipTakenError, good, good)
    assert contents(engine)["relationships"] == []
    assert contents(engine)["groups"] == 0


def test_a_groups_min_up_is_that_of_all_its_members(engine: Engine) -> None:
    with transaction(engine) as session:
        web, one, two = created(session, "web", "one", "two")
        first = related(session, web.id, one.id, redundancy_group="g")
        seen = revision.newest(session)
    with transaction(engine) as session:
        second = related(session, web.id, two.id, redundancy_group="g", min_up=2)
    assert changes(engine, seen)["relationship"] == {first.id, second.id}
    with transaction(engine) as session:
        out = update_relationship(session, second.id, RelationshipPatch(min_up="50%"), ANN)
        other = get_relationship(session, first.id)
    assert (out.min_up, out.version, other.min_up, other.version) == ("50%", 2, "50%", 3)


def test_a_relationship_can_change_group_and_the_empty_group_goes(engine: Engine) -> None:
    with transaction(engine) as session:
        web, one = created(session, "web", "one")
        plain = related(session, web.id, one.id)
        grouped = related(session, web.id, one.id, redundancy_group="g")
        with pytest.raises(RelationshipTakenError):
            patch = RelationshipPatch.model_validate({"redundancy_group": None})
            update_relationship(session, grouped.id, patch, ANN)
    with transaction(engine) as session:
        patch = RelationshipPatch(redundancy_group="h", dependency="optional")
        out = update_relationship(session, grouped.id, patch, ANN, if_version=1)
        assert (out.redundancy_group, out.min_up, out.dependency, out.version) == (
            "h",
            1,
            "optional",
            2,
        )
        with pytest.raises(StaleRelationshipError):
            update_relationship(session, grouped.id, patch, ANN, if_version=1)
        assert get_relationship(session, plain.id).redundancy_group is None
    assert contents(engine)["groups"] == 1
    assert dangling(engine) == 0


def test_a_deleted_relationship_is_gone_and_the_trail_has_it(engine: Engine) -> None:
    with transaction(engine) as session:
        web, one = created(session, "web", "one")
        edge = related(session, web.id, one.id, redundancy_group="g")
        seen = revision.newest(session)
    with transaction(engine) as session:
        delete_relationship(session, edge.id, ANN, if_version=1)
    assert contents(engine) == contents(engine) | {"relationships": [], "groups": 0}
    assert audited(engine)[-1] == ("delete", "relationship")
    assert changes(engine, seen)["relationship"] == {edge.id}


def test_neighbours_are_found_in_both_directions_up_to_a_distance(engine: Engine) -> None:
    with transaction(engine) as session:
        a, b, c, d, e = created(session, *"abcde")
        for dependent, provider in ((a, b), (b, c), (d, b), (c, e), (a, d)):
            related(session, dependent.id, provider.id)
        near = neighbours(session, b.id, hops=1)
        far = neighbours(session, b.id, hops=2)
        few = neighbours(session, b.id, hops=2, limit=2)
    assert [(each.name, each.hops) for each in near.configuration_items] == [
        ("b", 0),
        ("a", 1),
        ("c", 1),
        ("d", 1),
    ]
    assert len(near.relationships) == 4
    assert [each.name for each in far.configuration_items][-1] == "e"
    assert len(far.relationships) == 5
    assert (len(few.configuration_items), few.truncated, near.truncated) == (2, True, False)


def test_what_a_person_wrote_is_not_retired_by_a_source_that_adopted_it(engine: Engine) -> None:
    with transaction(engine) as session:
        (ci,) = created(session, "web", ci_class="application")
    load_texts(engine, CIS, source="one")
    report = load_texts(
        engine,
        CIS.replace("k-web,web,application,live,1,Ann,FRA\n", ""),
        source="one",
        missing="retire",
    )
    assert report.state == "done"
    with reading(engine) as session:
        assert get_ci(session, ci.id).status == "active"
