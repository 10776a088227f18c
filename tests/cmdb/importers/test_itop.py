"""iTop's exports: REST answers, XML and CSV, and what its objects say of each other."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import itop
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import ReadContext
from cmdb.importers.records import InputFile, Kind
from cmdb.importers.registry import choose, default_mapping
from cmdb.schemas import Severity
from tests.cmdb.importers.by_mapping import Read, read_files

SAMPLES = Path(__file__).parents[3] / "seed_data" / "sources" / "itop"


def obj(class_name: str, number: int, name: str, **fields: Any) -> dict[str, Any]:
    """An object as the REST service answers with it."""
    entry = {"code": 0, "class": class_name, "key": str(number), "fields": {"name": name, **fields}}
    return {f"{class_name}::{number}": entry}


def answer(*objects: dict[str, Any]) -> str:
    together = {key: entry for each in objects for key, entry in each.items()}
    return json.dumps({"objects": together, "code": 0, "message": f"Found: {len(together)}"})


def read(*objects: dict[str, Any], mapping: str = "", **files: str) -> Read:
    """A REST answer, and further files by their names with `_` for the dot."""
    named: dict[str, str | bytes] = {
        name.replace("_", "."): content for name, content in files.items()
    }
    if objects:
        named["answer.json"] = answer(*objects)
    return read_files(itop, named, mapping)


def test_an_object_of_the_rest_service_becomes_a_ci() -> None:
    found = read(
        obj(
            "Server",
            12,
            "web01",
            friendlyname="web01",
            status="production",
            business_criticity="high",
            serialnumber="SRV1",
            managementip="10.10.1.5",
            org_id="3",
            org_id_friendlyname="E-Commerce",
            organization_name="E-Commerce",
            brand_id="4",
            brand_id_friendlyname="Acme",
            brand_name="Acme",
            rack_id="0",
            obsolescence_flag="0",
            contacts_list=[
                {
                    "contact_id": "9",
                    "contact_id_friendlyname": "ecom-oncall",
                    "contact_id_finalclass_recall": "Team",
                },
                {"contact_id": "8", "contact_id_finalclass_recall": "Person"},
            ],
        )
    )
    ci = found.cis["Server::12"]
    assert ci.fields == {
        "key": "Server::12",
        "name": "web01",
        "ci_class": "server",
        "status": "active",
        "criticality": "1",
        "serial_number": "SRV1",
        "ip_address": "10.10.1.5",
        "owner": "E-Commerce",
        "support_group": "ecom-oncall",
    }
    assert ci.attributes == {"brand": "Acme"}
    assert found.problems == []


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("production", "active"),
        ("implementation", "planned"),
        ("stock", "in_stock"),
        ("obsolete", "retired"),
        ("active", "active"),
        ("inactive", "retired"),
    ],
)
def test_a_status_becomes_ours(said: str, ours: str) -> None:
    assert read(obj("Server", 1, "a", status=said)).cis["Server::1"].fields["status"] == ours


@pytest.mark.parametrize(
    ("class_name", "attribute", "expected"),
    [
        ("DBServer", "system_id", ("DBServer::2", "runs_on", "Rack::1")),
        ("VirtualMachine", "virtualhost_id", ("VirtualMachine::2", "hosted_on", "Rack::1")),
        ("Hypervisor", "server_id", ("Hypervisor::2", "runs_on", "Rack::1")),
        ("Hypervisor", "farm_id", ("Rack::1", "contains", "Hypervisor::2")),
        ("Server", "rack_id", ("Server::2", "hosted_on", "Rack::1")),
        ("PDU", "rack_id", ("PDU::2", "located_near", "Rack::1")),
        ("Server", "enclosure_id", ("Server::2", "hosted_on", "Rack::1")),
        ("Server", "powerA_id", ("Server::2", "powered_by", "Rack::1")),
        ("WebApplication", "webserver_id", ("WebApplication::2", "runs_on", "Rack::1")),
        ("DatabaseSchema", "dbserver_id", ("DatabaseSchema::2", "runs_on", "Rack::1")),
    ],
)
def test_a_reference_becomes_a_relationship(
    class_name: str, attribute: str, expected: tuple[str, str, str]
) -> None:
    by_id = read(obj("Rack", 1, "target"), obj(class_name, 2, "x", **{attribute: "1"}))
    assert by_id.links == {expected}
    named = {f"{attribute}_friendlyname": "target"}
    by_name = read(obj("Rack", 1, "target"), obj(class_name, 2, "x", **named))
    assert by_name.links == {expected}
    assert by_id.cis[f"{class_name}::2"].attributes == {}


def test_logical_volumes_have_ids_of_their_own() -> None:
    found = read(
        obj("Server", 1, "server-one"),
        obj("LogicalVolume", 1, "volume-one", storagesystem_id="5"),
        obj("StorageSystem", 5, "san"),
        lnkServerToVolume_csv="server_id,volume_id\n1,1\n",
    )
    assert found.links == {
        ("Server::1", "stored_on", "LogicalVolume::1"),
        ("LogicalVolume::1", "stored_on", "StorageSystem::5"),
    }


def test_two_power_sources_are_one_group_of_which_one_is_enough() -> None:
    found = read(
        obj("PDU", 1, "a"), obj("PDU", 2, "b"), obj("Server", 3, "s", powerA_id="1", powerB_id="2")
    )
    said = [
        (each.fields["redundancy_group"], each.fields["min_up"]) for each in found.relationships
    ]
    assert said == [("power", 1), ("power", 1)]


def solution(redundancy: str | None, *numbers: int) -> list[dict[str, Any]]:
    said = {} if redundancy is None else {"redundancy": redundancy}
    links = [{"functionalci_id": str(number), "functionalci_name": "x"} for number in numbers]
    return [
        obj("ApplicationSolution", 9, "shop", functionalcis_list=links, **said),
        *(obj("Server", number, f"s{number}") for number in numbers),
    ]


@pytest.mark.parametrize(
    ("redundancy", "expected"),
    [
        ("disabled", {}),
        (None, {}),
        ("1", {"redundancy_group": "functional CIs", "min_up": "1"}),
        ("2", {"redundancy_group": "functional CIs", "min_up": "2"}),
        ("50%", {"redundancy_group": "functional CIs", "min_up": "50%"}),
        ("0", {"dependency": "optional"}),
    ],
)
def test_the_redundancy_of_a_solution_says_how_many_of_its_cis_must_be_up(
    redundancy: str | None, expected: dict[str, str]
) -> None:
    found = read(*solution(redundancy, 1, 2))
    assert found.problems == []
    for number, each in zip((1, 2), found.relationships, strict=True):
        assert each.fields == {
            "dependent": "ApplicationSolution::9",
            "provider": f"Server::{number}",
            "type": "depends_on",
            **expected,
        }


@pytest.mark.parametrize("redundancy", ["3", "101%", "some"])
def test_a_redundancy_that_cannot_be_counts_every_ci_as_needed_and_is_reported(
    redundancy: str,
) -> None:
    found = read(*solution(redundancy, 1, 2))
    assert all("redundancy_group" not in each.fields for each in found.relationships)
    assert len(found.relationships) == 2
    (only,) = found.problems
    assert (only.code, only.severity) == ("redundancy_not_understood", Severity.WARNING)


def test_a_farm_needs_as_many_hypervisors_as_it_says() -> None:
    hosts = [obj("Hypervisor", number, f"h{number}", farm_id="9") for number in (1, 2)]
    for redundancy, min_up in (("75%", "75%"), ("", "1")):
        found = read(obj("Farm", 9, "farm", redundancy=redundancy), *hosts)
        assert [each.fields["min_up"] for each in found.relationships] == [min_up, min_up]


def test_a_link_that_three_files_state_is_one_relationship() -> None:
    objects = solution("disabled", 1)
    objects[1]["Server::1"]["fields"]["applicationsolution_list"] = [
        {"applicationsolution_id": "9", "applicationsolution_name": "shop"}
    ]
    found = read(
        *objects,
        lnkApplicationSolutionToFunctionalCI_csv="Application solution,Functionalci\n9,1\n",
    )
    assert len(found.relationships) == 1


def test_a_business_process_needs_its_solutions() -> None:
    process = obj("BusinessProcess", 4, "Selling")
    shop = obj("ApplicationSolution", 9, "shop", businessprocess_list=[{"businessprocess_id": "4"}])
    found = read(process, shop)
    assert found.links == {("BusinessProcess::4", "depends_on", "ApplicationSolution::9")}


def test_a_device_needs_the_network_device_above_it_whichever_end_says_so() -> None:
    switch, device = obj("NetworkDevice", 1, "switch"), obj("Server", 2, "server")
    down = "connectableci_id,networkdevice_id,connection_type\n2,1,downlink\n"
    up = "connectableci_id,networkdevice_id,connection_type\n1,2,uplink\n"
    for text in (down, up):
        found = read(switch, device, lnkConnectableCIToNetworkDevice_csv=text)
        assert found.links == {("Server::2", "connects_to", "NetworkDevice::1")}


XML = """<?xml version="1.0" encoding="UTF-8"?>
<Set>
<DBServer alias="DBServer" id="7"><name>db01</name><status>active</status><org_id>3</org_id>
<system_id>12</system_id><system_id_friendlyname>web01</system_id_friendlyname></DBServer>
<Server alias="Server" id="12"><name>web01</name><softwares_list><Set>
<DBServer id="7"><name>db01</name></DBServer></Set></softwares_list></Server>
<Organization alias="Organization" id="3"><name>Shop</name></Organization>
<Row><Server alias="s" id="13"><name>web02</name></Server><Server alias="t" id="null"/></Row>
</Set>"""


def test_the_xml_export_says_the_same() -> None:
    found = read(a_xml=XML)
    assert set(found.cis) == {"DBServer::7", "Server::12", "Server::13"}
    assert found.cis["DBServer::7"].fields["owner"] == "Shop"
    assert found.links == {("DBServer::7", "runs_on", "Server::12")}
    assert found.problems == []


def test_a_csv_goes_by_labels_and_takes_its_class_from_the_files_name() -> None:
    found = read(
        obj("Farm", 30, "farm"),
        VirtualMachine_csv="id (Primary Key);Name;Organization->Name;Status;Virtual host->Name;IP\n"
        "21;vm1;Shop;production;farm;10.10.1.7\n",
    )
    assert found.cis["VirtualMachine::21"].fields == {
        "key": "VirtualMachine::21",
        "name": "vm1",
        "ci_class": "virtual_machine",
        "owner": "Shop",
        "status": "active",
        "ip_address": "10.10.1.7",
    }
    assert found.links == {("VirtualMachine::21", "hosted_on", "Farm::30")}


def test_a_csv_goes_by_codes_and_takes_the_class_of_each_row_from_its_column() -> None:
    found = read(
        cis_csv="id,name,finalclass,system_id\n1,web,Server,\n2,db,DBServer,1\n",
        labels_csv="id,Name,CI sub-class\n3,vm,Virtual Machine\n",
    )
    assert set(found.cis) == {"Server::1", "DBServer::2", "VirtualMachine::3"}
    assert found.links == {("DBServer::2", "runs_on", "Server::1")}


def test_the_class_of_files_that_say_none_is_an_option() -> None:
    found = read(cis_csv="id,name\n1,web\n", mapping='[options]\nclass_of_file = "Server"')
    assert set(found.cis) == {"Server::1"}


def test_labels_in_another_language_need_but_their_codes_in_the_mapping() -> None:
    found = read(
        Server_csv="id,Name,Seriennummer\n1,web,SRV1\n",
        mapping='[values.column]\n"Seriennummer" = "serialnumber"',
    )
    assert found.cis["Server::1"].fields["serial_number"] == "SRV1"


def test_an_ambiguous_name_is_a_problem_that_names_the_candidates() -> None:
    found = read(
        obj("Server", 1, "twin"),
        obj("VirtualMachine", 2, "TWIN"),
        obj("DBServer", 3, "db", system_id_friendlyname="twin"),
    )
    assert found.relationships == []
    (only,) = found.problems
    assert (only.code, only.kind) == ("ambiguous_reference", Kind.RELATIONSHIP)
    assert "Server::1, VirtualMachine::2" in only.message


def test_a_reference_to_what_no_file_describes_is_left_out_and_counted() -> None:
    found = read(obj("DBServer", 3, "db", system_id="99", system_id_friendlyname="gone"))
    assert found.relationships == []
    assert [(each.code, each.severity) for each in found.problems] == [
        ("unknown_ends", Severity.WARNING)
    ]


def test_a_link_class_of_ones_own_needs_its_ends_in_the_mapping() -> None:
    files = {"lnkServerToCoffee_csv": "server_id,coffee_id\n1,2\n"}
    machines = [obj("Server", 1, "a"), obj("Coffee", 2, "b")]
    unknown = read(*machines, **files)
    assert unknown.codes == ["unknown_link", "unknown_source_class"]
    mapping = """
        [classes]
        "Coffee" = "generic"
        [relationships]
        "lnkServerToCoffee" = { type = "consumes" }
        [options]
        links = ["lnkServerToCoffee: server_id -> coffee_id"]
    """
    assert read(*machines, mapping=mapping, **files).links == {
        ("Server::1", "consumes", "Coffee::2")
    }


def test_an_error_in_place_of_an_answer_is_said_as_such() -> None:
    found = read(a_json='{"code": 1, "message": "Error: Invalid login", "objects": null}')
    assert found.codes == ["source_error"]
    assert "Invalid login" in found.problems[0].message


def test_an_answer_without_objects_lists_no_ci() -> None:
    found = read(a_json='{"objects": null, "code": 0, "message": "Found: 0"}')
    assert (found.cis, found.problems, found.kinds) == ({}, [], {Kind.CI})


def test_the_order_of_the_files_does_not_matter() -> None:
    context = ReadContext(default_mapping("itop"))
    opened = [OpenedFile(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir())]
    there = list(map(repr, itop.read(opened, context)))
    assert there == list(map(repr, itop.read(opened[::-1], context)))


def test_the_samples_load_without_a_problem() -> None:
    context = ReadContext(default_mapping("itop"))
    paths = sorted(SAMPLES.iterdir())
    for path in paths:
        assert choose(InputFile(path.name, path.read_bytes())) is itop, path
    items = list(itop.read([OpenedFile(path.name, path.read_bytes()) for path in paths], context))
    assert sum(getattr(item, "kind", None) is Kind.CI for item in items) > 40
    assert [item for item in items if hasattr(item, "severity")] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x", answer(obj("Server", 1, "a"))),
        ("x", '{"objects": null, "code": 0, "message": ""}'),
        ("x", "<Set/>"),
        ("x", "id,name,finalclass\n1,a,Server\n"),
        ("x", "Name;Organization->Name\na;b\n"),
        ("folder/lnkServerToVolume.csv", "Server;Volume\n1;2\n"),
    ],
)
def test_an_export_is_recognised_by_its_content(name: str, content: str) -> None:
    assert itop.recognises(OpenedFile(name, content.encode())) is not None


@pytest.mark.parametrize(
    "content", ['{"objects": [1]}', "[]", "<set/>", "name,ci_class\nx,server\n", "a: 1", ""]
)
def test_other_files_are_not_taken_for_itops(content: str) -> None:
    assert itop.recognises(OpenedFile("file", content.encode())) is None


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["1", "0", "50%", "Server", "lnkServerToVolume"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["fields", "class", "key", "name", "rack_id", "rack_id_friendlyname", "redundancy",
             "functionalcis_list", "functionalci_id", "contacts_list", "server_id", "volume_id",
             "farm_id", "managementip", "finalclass"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    objects=st.dictionaries(
        st.sampled_from(["Server::1", "lnkServerToVolume::2", "Farm::3", "x"]), _JUNK, max_size=4
    ),
    cut=st.integers(0, 500),
    junk=st.binary(max_size=4),
)
def test_no_input_raises(objects: dict[str, Any], cut: int, junk: bytes) -> None:
    context = ReadContext(default_mapping("itop"))
    contents = [
        json.dumps({"objects": objects, "code": 0}).encode(),
        XML.encode()[:cut] + junk + XML.encode()[cut + 3 :],
        b"id,name,finalclass,system_id->name\n"[:cut] + junk + b"1,2\n",
    ]
    for content in contents:
        file = OpenedFile("Server", content)
        itop.recognises(file)
        list(itop.read([file], context))
