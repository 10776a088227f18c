"""Terraform's states and plans: resources as CIs, past configuration, and without secrets."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import terraform
from cmdb.importers.mapping import matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import EXACTLY
from cmdb.importers.records import Kind
from cmdb.importers.registry import default_mapping
from cmdb.schemas import Severity
from tests.cmdb.importers.terraform_states import (
    SEED,
    State,
    block,
    resource,
    shown,
    state_file,
)


def test_states_plans_and_state_files_are_recognised_and_other_json_is_not() -> None:
    for document in (shown(), state_file(), {"format_version": "1.2", "planned_values": {}}):
        found = terraform.recognises(OpenedFile("x", json.dumps(document).encode()))
        assert found is not None
        assert found.certainty == EXACTLY
    others: list[Any] = [{"version": 4, "resources": []}, {"values": {}}, [], {"format_version": 1}]
    for other in others:
        assert terraform.recognises(OpenedFile("x.json", json.dumps(other).encode())) is None


def test_resources_of_nested_modules_become_cis_under_their_address() -> None:
    inner = {
        "address": 'module.app["eu"].module.db',
        "resources": [resource('module.app["eu"].module.db.aws_db_instance.main', identifier="d")],
    }
    outer = {"address": 'module.app["eu"]', "child_modules": [inner]}
    found = State(shown(resource("aws_instance.web[0]", tags={"Name": "web-1"}), children=[outer]))
    assert {key: (r.fields["name"], r.fields["ci_class"]) for key, r in found.cis.items()} == {
        "aws_instance.web[0]": ("web-1", "virtual_machine"),
        'module.app["eu"].module.db.aws_db_instance.main': ("d", "database"),
    }
    assert found.seen == {Kind.CI, Kind.RELATIONSHIP}


def test_a_state_file_gives_the_same_keys_as_terraform_show() -> None:
    web = {"attributes": {"tags": {"Name": "web"}}}
    found = State(
        state_file(
            block("aws_instance", "web", web | {"index_key": 0}, web | {"index_key": 1}),
            block("aws_instance", "api", web | {"index_key": 'e"u'}, module="module.m[1]"),
            block("aws_instance", "one", web),
        )
    )
    assert list(found.cis) == [
        "aws_instance.web[0]",
        "aws_instance.web[1]",
        'module.m[1].aws_instance.api["e\\"u"]',
        "aws_instance.one",
    ]


def test_fields_come_from_the_first_path_that_the_field_can_hold() -> None:
    found = State(
        shown(
            resource(
                "aws_db_instance.main",
                address="main.db.example",
                endpoint="main.db.example:5432",
                arn="arn:aws:rds:par3:0:db:main",
                engine="postgres",
                tags={"Environment": "prod", "Owner": "Shop"},
            ),
            resource("aws_instance.web", id="i-0a1b2c3d4e5f60718", private_ip="10.0.0.5"),
            resource("google_compute_address.x", address="10.0.0.9"),
            resource("helm_release.app", id="app", name="app"),
            resource("aws_eks_cluster.k", endpoint="https://k.example:443/api"),
        ),
        classes={"google_compute_address": "generic"},
    )
    database = found.cis["aws_db_instance.main"]
    assert database.fields == {
        "key": "aws_db_instance.main",
        "ci_class": "database",
        "name": "aws_db_instance.main",
        "fqdn": "main.db.example",
        "environment": "production",
        "owner": "Shop",
    }
    assert database.attributes["cloud_id"] == "arn:aws:rds:par3:0:db:main"
    assert database.attributes["engine"] == "postgres"
    web = found.cis["aws_instance.web"]
    assert web.attributes["cloud_id"] == "i-0a1b2c3d4e5f60718"
    assert web.fields["ip_address"] == "10.0.0.5"
    assert "fqdn" not in found.cis["google_compute_address.x"].fields
    assert "cloud_id" not in found.cis["helm_release.app"].attributes
    assert found.cis["aws_eks_cluster.k"].fields["fqdn"] == "k.example"


def test_network_cards_of_a_list_give_all_their_addresses() -> None:
    cards = [{"mac_address": "00:50:56:00:00:01"}, {"mac_address": "00:50:56:00:00:02"}]
    found = State(shown(resource("vsphere_virtual_machine.a", name="a", network_interface=cards)))
    assert found.cis["vsphere_virtual_machine.a"].attributes["mac_addresses"] == [
        "00:50:56:00:00:01",
        "00:50:56:00:00:02",
    ]


def test_nothing_but_what_the_mapping_names_is_taken_and_marked_values_never() -> None:
    shown_state = shown(
        resource(
            "aws_db_instance.main",
            password="hunter2",
            user_data="hunter2",
            engine="hunter2",
            tags={"Name": "hunter2"},
            identifier="main",
            secret={"password": True, "engine": True, "tags": True},
        )
    )
    instance = {
        "attributes": {"engine": "hunter2", "identifier": "main", "tags": {"Name": "hunter2"}},
        "sensitive_attributes": [
            [{"type": "get_attr", "value": "engine"}],
            [
                {"type": "get_attr", "value": "tags"},
                {"type": "index", "value": {"value": "Name", "type": "string"}},
            ],
        ],
    }
    for document, marked in (
        (shown_state, 3),
        (state_file(block("aws_db_instance", "main", instance)), 2),
    ):
        found = State(document, keep_other_fields=True)
        assert found.cis["aws_db_instance.main"].fields["name"] == "main"
        assert "hunter2" not in repr(found.records) + repr(found.problems)
        assert found.codes == ["secrets_left_out"]
        assert f"{marked} values are marked" in found.problems[0].message


def test_what_is_marked_in_a_list_is_not_taken_with_its_neighbours() -> None:
    cards = [{"mac_address": "00:50:56:00:00:01"}, {"mac_address": "00:50:56:00:00:02"}]
    marks = {"network_interface": [{}, {"mac_address": True}]}
    found = State(
        shown(resource("vsphere_virtual_machine.a", network_interface=cards, secret=marks))
    )
    macs = found.cis["vsphere_virtual_machine.a"].attributes["mac_addresses"]
    assert macs == ["00:50:56:00:00:01"]


def test_objects_that_wait_for_destruction_are_left_out() -> None:
    old = resource("aws_instance.a") | {"deposed_key": "0badcafe"}
    for document in (
        shown(resource("aws_instance.a"), old),
        state_file(block("aws_instance", "a", {}, {"deposed": "0badcafe"})),
    ):
        found = State(document)
        assert len(found.records) == 1
        assert found.codes == ["deposed_left_out"]


def test_a_plan_says_what_is_there_and_on_demand_what_is_planned() -> None:
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.9.5",
        "prior_state": shown(resource("aws_instance.a")),
        "planned_values": shown(resource("aws_instance.a"), resource("aws_instance.b"))["values"],
    }
    now = State(plan)
    assert list(now.cis) == ["aws_instance.a"]
    assert now.codes == ["planned_left_out"]
    soon = State(plan, options={"planned_resources": True})
    assert soon.cis["aws_instance.b"].fields["status"] == "planned"
    assert "status" not in soon.cis["aws_instance.a"].fields
    del plan["prior_state"]
    assert State(plan).codes == ["plan_without_state"]
    assert not State(plan).seen
    assert len(State(plan, options={"planned_resources": True}).cis) == 2


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (state_file(version=3) | {"modules": []}, "old_state_version"),
        (state_file(version=5), "unknown_state_version"),
        (shown() | {"format_version": "2.0"}, "unknown_format_version"),
        ({"serial": 1, "lineage": "l", "encrypted_data": "x"}, "encrypted_state"),
        ({"resources": []}, "unexpected_shape"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(document: Any, code: str) -> None:
    found = State(document)
    assert [(each.code, each.severity) for each in found.problems] == [(code, Severity.ERROR)]
    assert found.problems[0].hint
    assert not found.seen


def test_an_empty_state_says_that_there_is_nothing() -> None:
    assert State({"format_version": "1.0"}).seen == {Kind.CI, Kind.RELATIONSHIP}
    assert State(state_file()).seen == {Kind.CI, Kind.RELATIONSHIP}


def test_workspaces_with_the_same_addresses_are_told_apart() -> None:
    state = shown(resource("aws_instance.a", "aws_lb.b"), resource("aws_lb.b"))
    names = ("terraform.tfstate.d/prod/terraform.tfstate", "test.tfstate")
    mixed = State(state, state, names=names)
    assert mixed.codes == ["address_in_several_files"]
    apart = State(state, state, names=names, options={"workspace_from_file": True})
    assert not apart.problems
    assert apart.edges == [
        ("prod/aws_instance.a", "prod/aws_lb.b"),
        ("test/aws_instance.a", "test/aws_lb.b"),
    ]
    assert list(State(state, options={"workspace": "eu"}).cis) == [
        "eu/aws_instance.a",
        "eu/aws_lb.b",
    ]


def test_an_unknown_type_becomes_generic_with_a_warning() -> None:
    found = State(shown(resource("acme_robot.r", name="r2")))
    assert found.cis["acme_robot.r"].fields["ci_class"] == "generic"
    assert found.codes == ["unknown_source_class"]


def test_a_tag_that_a_field_cannot_hold_stays_as_an_attribute() -> None:
    found = State(shown(resource("aws_instance.a", tags={"Criticality": "very"})))
    assert found.cis["aws_instance.a"].attributes["source_criticality"] == "very"
    assert found.codes == ["doubtful_value"]


def test_no_class_of_the_shipped_mapping_is_mere_configuration_as_well() -> None:
    mapping = default_mapping("terraform")
    kinds = mapping.listed("configuration_kinds")
    assert [name for name in mapping.classes if matches(name, kinds)] == []


def test_the_seed_states_are_read_without_errors() -> None:
    found = State(
        *(path.read_bytes() for path in sorted(SEED.iterdir())), names=("ham1.tfstate", "par3.json")
    )
    assert len(found.cis) > 25
    assert found.codes == ["secrets_left_out", "configuration_left_out"]
    assert "not-a-real-one" not in repr(found.records)


_words = st.sampled_from(
    ["aws_instance.a", "aws_lb", "data.x.y", "module.m", "[0]", 'a["', "data", "9" * 5000, ""]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("resources", "address", "type", "name", "mode", "instances", "values"),
                    *("attributes", "sensitive_attributes", "dependencies", "module", "value"),
                    *("tags", "Name", "child_modules", "deposed", "index_key"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
_resources = st.fixed_dictionaries(
    {"type": _words | _values, "name": _words | _values},
    optional=dict.fromkeys(
        ["address", "mode", "values", "sensitive_values", "depends_on", "instances", "module"],
        _values | st.lists(_words),
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_resources | _values, max_size=4), _values, st.binary(max_size=20))
def test_whatever_the_files_hold_reading_does_not_raise(
    entries: list[Any], other: Any, tail: bytes
) -> None:
    state = shown(*entries, children=other if isinstance(other, list) else [other])
    plan = {"format_version": "1.1", "prior_state": other, "planned_values": state["values"]}
    for document in (state, state_file(*entries), plan, {"version": other, "resources": 1}, other):
        content = json.dumps(document).encode() + tail
        terraform.recognises(OpenedFile("x", content))
        State(content, options={"planned_resources": True})
