"""ServiceNow's exports: four ways to write a reference, three kinds of files, one inventory."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import servicenow
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import EXACTLY, ReadContext
from cmdb.importers.records import InputFile, Kind, ParsedRecord
from cmdb.importers.registry import choose, default_mapping
from cmdb.schemas import Severity
from tests.cmdb.importers.by_mapping import Read, read_files
from tests.cmdb.importers.workbooks import workbook

SAMPLES = Path(__file__).parents[3] / "seed_data" / "sources" / "servicenow"
WEB, DB, GROUP, OTHER = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
DEPENDS = "1a9cb166f1571100a92eb60da2bce5c5"
URL = "https://cmdb.fjellvik.example/api/now/table"


def read(*files: str | bytes | list[dict[str, Any]], mapping: str = "") -> Read:
    """The files as `a.…`, `b.…`; a list is an answer of the Table API."""
    named: dict[str, str | bytes] = {}
    for name, content in zip("abcdef", files, strict=False):
        named[name] = json.dumps({"result": content}) if isinstance(content, list) else content
    return read_files(servicenow, named, mapping)


def server(sys_id: str = WEB, name: str = "web01", **fields: Any) -> dict[str, Any]:
    return {"sys_id": sys_id, "name": name, "sys_class_name": "cmdb_ci_linux_server", **fields}


def related(name: str, parent: Any = WEB, child: Any = DB) -> dict[str, Any]:
    return {"parent": parent, "child": child, "type": {"display_value": name, "value": OTHER}}


BOTH = [server(), server(DB, "db01")]


@pytest.mark.parametrize(
    ("name", "dependent", "type_", "provider"),
    [
        ("Depends on::Used by", WEB, "depends_on", DB),
        ("Runs on::Runs", WEB, "runs_on", DB),
        ("Hosted on::Hosts", WEB, "hosted_on", DB),
        ("Uses::Used by", WEB, "uses", DB),
        ("Virtualized by::Virtualizes", WEB, "runs_on", DB),
        ("Powered by::Powers", WEB, "powered_by", DB),
        ("Provided by::Provides", WEB, "provided_by", DB),
        ("Consumes::Consumed by", WEB, "consumes", DB),
        ("Sends data to::Receives data from", DB, "consumes", WEB),
        ("Receives data from::Sends data to", WEB, "consumes", DB),
        ("Contains::Contained by", WEB, "contains", DB),
        ("Cluster of::Cluster", WEB, "contains", DB),
        ("Members::Member of", WEB, "contains", DB),
        ("Connects to::Connected by", WEB, "connects_to", DB),
        ("Instantiates::Instantiated by", WEB, "related_to", DB),
        ("Exchanges data with::Exchanges data with", WEB, "related_to", DB),
        ("Managed by::Manages", WEB, "managed_by", DB),
        ("Located in::Houses", WEB, "located_near", DB),
    ],
)
def test_a_relationship_type_says_which_end_needs_the_other(
    name: str, dependent: str, type_: str, provider: str
) -> None:
    found = read(BOTH, [related(name)])
    assert found.links == {(dependent, type_, provider)}
    assert found.problems == []


def test_the_members_of_a_cluster_form_one_redundancy_group() -> None:
    members = [server(DB, "n1"), server(GROUP, "n2")]
    cluster = [{"sys_id": WEB, "name": "farm", "sys_class_name": "cmdb_ci_win_cluster"}]
    found = read(
        members + cluster,
        [related("Members::Member of"), related("Members::Member of", child=GROUP)],
    )
    assert found.cis[WEB].fields["ci_class"] == "cluster"
    said = [
        (each.fields["redundancy_group"], each.fields["min_up"]) for each in found.relationships
    ]
    assert said == [("members", 1), ("members", 1)]


def test_an_unknown_relationship_type_carries_no_failure_and_is_reported() -> None:
    found = read(BOTH, [related("Blesses::Blessed by")])
    assert found.links == {(WEB, "related_to", DB)}
    assert found.codes == ["unknown_source_relationship"]
    mapped = read(
        BOTH,
        [related("Blesses::Blessed by")],
        mapping='[relationships]\n"Blesses::*" = { type = "uses", dependent = "to" }',
    )
    assert mapped.links == {(DB, "uses", WEB)}
    assert mapped.problems == []


REFERENCES = {
    "bare": WEB,
    "link": {"link": f"{URL}/cmdb_ci/{WEB}", "value": WEB},
    "name": "web01",
    "all": {"display_value": "web01", "link": f"{URL}/cmdb_ci/{WEB}", "value": WEB},
}


@pytest.mark.parametrize("form", REFERENCES)
def test_a_reference_is_understood_in_each_of_its_four_forms(form: str) -> None:
    found = read(BOTH, [related("Depends on::Used by", parent=REFERENCES[form])])
    assert found.links == {(WEB, "depends_on", DB)}


def test_a_type_that_is_but_a_sys_id_is_known_or_named_by_another_file() -> None:
    bare = [{"parent": WEB, "child": DB, "type": {"link": "x", "value": DEPENDS}}]
    assert read(BOTH, bare).links == {(WEB, "depends_on", DB)}
    own = [{"parent": WEB, "child": DB, "type": OTHER}]
    types = [
        {"sys_id": OTHER, "name": "Runs on::Runs", "parent_descriptor": "Runs on"},
    ]
    assert read(BOTH, own, types).links == {(WEB, "runs_on", DB)}


def test_an_ambiguous_display_name_is_a_problem_that_names_the_candidates() -> None:
    twins = [server(), server(OTHER, "WEB01", sys_class_name="cmdb_ci_appl"), server(DB, "db01")]
    found = read(twins, "Parent,Type,Child\nweb01,Depends on::Used by,db01\n")
    assert found.relationships == []
    (only,) = found.problems
    assert (only.code, only.kind, only.column) == (
        "ambiguous_reference",
        Kind.RELATIONSHIP,
        "parent",
    )
    assert WEB in only.message
    assert f"{OTHER} (cmdb_ci_appl)" in only.message


def test_a_relationship_to_a_ci_that_no_file_describes_is_left_out_and_counted() -> None:
    found = read(BOTH, [related("Depends on::Used by", child=OTHER)] * 2)
    assert found.relationships == []
    (only,) = found.problems
    assert (only.code, only.severity) == ("unknown_ends", Severity.WARNING)
    assert "2 records" in only.message


def test_relationships_alone_go_by_the_keys_that_an_earlier_load_brought() -> None:
    found = read([related("Depends on::Used by")])
    assert found.links == {(WEB, "depends_on", DB)}
    assert found.kinds == set()


def test_a_ci_that_refers_to_itself_is_left_out() -> None:
    assert read(BOTH, [related("Uses::Used by", child=WEB)]).codes == ["itself"]


@pytest.mark.parametrize(
    ("install", "operational", "status"),
    [
        ("1", "1", "active"),
        ("3", "1", "maintenance"),
        ("6", "1", "in_stock"),
        ("7", "1", "retired"),
        ("1", "6", "retired"),
        ("1", "2", "maintenance"),
        ("7", "2", "retired"),
        ("Installed", "Operational", "active"),
        ("In Stock", "Non-Operational", "in_stock"),
        ("", "6", "retired"),
    ],
)
def test_the_status_is_what_is_furthest_from_operation(
    install: str, operational: str, status: str
) -> None:
    found = read([server(install_status=install, operational_status=operational)])
    assert found.cis[WEB].fields["status"] == status
    assert found.problems == []


def test_a_status_in_another_language_costs_no_record_and_is_reported_once() -> None:
    found = read([server(install_status="Verschrottet"), server(DB, "b", install_status="Weg")])
    assert "status" not in found.cis[WEB].fields
    assert found.cis[WEB].attributes["source_status"] == "Verschrottet"
    assert found.codes == ["doubtful_value"]
    mapped = read(
        [server(install_status="Verschrottet")],
        mapping='[values.install_status]\n"Verschrottet" = "retired"',
    )
    assert mapped.cis[WEB].fields["status"] == "retired"


def test_a_code_counts_before_its_label_and_a_label_where_the_code_is_the_instances_own() -> None:
    found = read(
        [
            server(install_status={"display_value": "Installiert", "value": "1"}),
            server(DB, "b", install_status={"display_value": "Retired", "value": "1042"}),
        ]
    )
    assert [ci.fields["status"] for ci in found.cis.values()] == ["active", "retired"]


def test_fields_that_identify_have_their_settled_names() -> None:
    found = read(
        [
            server(
                serial_number="SRV1",
                fqdn="web01.fjellvik.example",
                ip_address="10.10.1.5",
                mac_address="02:42:0a:0a:0b:0e 02:42:0a:0a:0b:0f",
                busines_criticality="1 - most critical",
                used_for="Production",
            )
        ]
    )
    ci = found.cis[WEB]
    assert ci.fields == {
        "key": WEB,
        "name": "web01",
        "ci_class": "server",
        "serial_number": "SRV1",
        "fqdn": "web01.fjellvik.example",
        "ip_address": "10.10.1.5",
        "criticality": "1",
        "environment": "production",
    }
    assert ci.attributes == {"mac_addresses": ["02:42:0a:0a:0b:0e", "02:42:0a:0a:0b:0f"]}


def test_what_is_no_single_address_becomes_an_attribute() -> None:
    found = read([server(ip_address="10.0.0.1, 10.0.0.2")])
    assert found.cis[WEB].attributes == {"source_ip_address": "10.0.0.1, 10.0.0.2"}
    assert found.codes == ["doubtful_value"]
    assert all(each.kind is None for each in found.problems)


def test_a_sys_id_of_a_person_or_group_never_becomes_an_owner() -> None:
    owned = {"link": f"{URL}/sys_user/{GROUP}", "value": GROUP}
    found = read([server(owned_by=owned, support_group=OTHER)])
    assert found.cis[WEB].attributes == {
        "owned_by_sys_id": GROUP,
        "support_group_sys_id": OTHER,
    }
    assert found.codes == ["unnamed_references"]


def test_owner_and_support_group_go_by_what_any_file_calls_them() -> None:
    bare = server(owned_by={"link": "x", "value": GROUP}, support_group=OTHER)
    shown = server(DB, "db01", support_group={"display_value": "network-ops", "value": OTHER})
    found = read_files(
        servicenow,
        {
            "servers.json": json.dumps({"result": [bare, shown]}),
            "sys_user_group.json": json.dumps({"result": [{"sys_id": GROUP, "name": "Network"}]}),
        },
    )
    assert set(found.cis) == {WEB, DB}
    assert found.cis[WEB].fields["owner"] == "Network"
    assert found.cis[WEB].fields["support_group"] == "network-ops"
    assert found.problems == []


def test_the_first_of_owned_by_managed_by_and_assigned_to_that_says_something_is_the_owner() -> (
    None
):
    said = {"owned_by": "", "managed_by": "Platform", "assigned_to": "Ops"}
    assert read([server(**said)]).cis[WEB].fields["owner"] == "Platform"
    other = read([server(**said)], mapping='[fields]\nowner = "assigned_to"')
    assert other.cis[WEB].fields["owner"] == "Ops"


@pytest.mark.parametrize(
    ("source_class", "ours"),
    [
        ("cmdb_ci_service", "business_service"),
        ("cmdb_ci_service_auto", "application_service"),
        ("cmdb_ci_service_discovered", "application_service"),
        ("cmdb_ci_appl", "application"),
        ("cmdb_ci_db_mssql_instance", "database"),
        ("cmdb_ci_server", "server"),
        ("cmdb_ci_win_server", "server"),
        ("cmdb_ci_esx_server", "hypervisor"),
        ("cmdb_ci_app_server_tomcat", "middleware"),
        ("cmdb_ci_vm_instance", "virtual_machine"),
        ("cmdb_ci_vmware_instance", "virtual_machine"),
        ("cmdb_ci_lb_f5_gtm", "load_balancer"),
        ("cmdb_ci_netgear", "network_device"),
        ("cmdb_ci_ip_switch", "network_device"),
        ("cmdb_ci_cluster_vip", "cluster"),
        ("cmdb_ci_storage_server", "storage"),
        ("Windows Server", "server"),
        ("Business Service", "business_service"),
        ("VMware Virtual Machine Instance", "virtual_machine"),
    ],
)
def test_a_class_is_known_by_its_table_and_by_its_label(source_class: str, ours: str) -> None:
    found = read([server(sys_class_name=source_class)])
    assert found.cis[WEB].fields["ci_class"] == ours
    assert found.problems == []


def test_an_unknown_class_is_kept_as_generic_and_reported() -> None:
    found = read([server(sys_class_name="u_cmdb_ci_espresso")])
    assert found.cis[WEB].fields["ci_class"] == "generic"
    assert found.codes == ["unknown_source_class"]


def test_a_list_export_from_windows_goes_by_its_labels() -> None:
    text = (
        "\ufeff"
        '"Name","Class","Serial number","Install Status","IP Address","Comments"\r\n'
        '"web01","Windows Server","SRV1","Installed","10.10.1.5","Köln, ""Keller"""\r\n'
    )
    for raw in (text.encode(), text.removeprefix("\ufeff").encode("cp1252")):
        found = [
            item
            for item in servicenow.read(
                [OpenedFile("list.csv", raw)], ReadContext(default_mapping("servicenow"))
            )
            if isinstance(item, ParsedRecord)
        ]
        (ci,) = found
        assert ci.fields == {
            "name": "web01",
            "ci_class": "server",
            "serial_number": "SRV1",
            "status": "active",
            "ip_address": "10.10.1.5",
        }
        assert ci.attributes == {"description": 'Köln, "Keller"'}


def test_a_workbook_of_a_list_is_read_sheet_by_sheet() -> None:
    sheets = {
        "Page 1": [["Name", "Class", "Sys ID"], ["web01", "Linux Server", WEB]],
        "cmdb_rel_ci": [["Parent", "Type", "Child"], ["web01", "Uses::Used by", "db01"]],
    }
    found = read_files(
        servicenow,
        {"list.xlsx": workbook(sheets), "db.json": json.dumps({"result": [server(DB, "db01")]})},
    )
    assert found.links == {(WEB, "uses", DB)}
    assert found.cis[WEB].fields["ci_class"] == "server"
    assert found.problems == []
    recognised = servicenow.recognises(OpenedFile("list.xlsx", workbook(sheets)))
    assert recognised is not None


def test_columns_in_another_language_need_but_their_names_in_the_mapping() -> None:
    text = "Sys ID;Name;Klasse;Seriennummer\n" + f"{WEB};web01;Server;SRV1\n"
    mapping = '[values.column]\n"Klasse" = "sys_class_name"\n"Seriennummer" = "serial_number"'
    found = read(text, mapping=mapping)
    assert found.cis[WEB].fields["serial_number"] == "SRV1"
    assert found.cis[WEB].fields["ci_class"] == "server"


UNLOAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<unload unload_date="2026-09-14 06:20:00">
<cmdb_ci_linux_server action="INSERT_OR_UPDATE"><name>web01</name><sys_id>{WEB}</sys_id>
<owned_by display_value="Network">{GROUP}</owned_by><location display_value=""/>
</cmdb_ci_linux_server>
<cmdb_ci action="INSERT_OR_UPDATE"><name>db01</name><sys_id>{DB}</sys_id>
<sys_class_name>cmdb_ci_db_ora_instance</sys_class_name></cmdb_ci>
<cmdb_ci_server action="DELETE"><name>old</name><sys_id>{OTHER}</sys_id></cmdb_ci_server>
<cmdb_rel_ci action="INSERT_OR_UPDATE"><parent display_value="web01">{WEB}</parent>
<child display_value="db01">{DB}</child><type display_value="Depends on::Used by">{DEPENDS}</type>
</cmdb_rel_ci></unload>"""


def test_an_unload_holds_cis_and_relationships_and_says_what_was_deleted() -> None:
    found = read(UNLOAD)
    assert {key: ci.fields["ci_class"] for key, ci in found.cis.items()} == {
        WEB: "server",
        DB: "database",
    }
    assert found.cis[WEB].fields["owner"] == "Network"
    assert found.links == {(WEB, "depends_on", DB)}
    assert found.codes == ["deleted_records"]


def test_two_exports_of_one_ci_are_one_ci() -> None:
    base = [{"sys_id": WEB, "name": "web01", "sys_class_name": "cmdb_ci_server", "cpu": "4"}]
    found = read(base, [server(serial_number="SRV1", cpu="4")])
    assert found.cis[WEB].fields["serial_number"] == "SRV1"
    assert found.cis[WEB].attributes == {"cpu": "4"}
    named = read([server()], "Name,Class,Serial number\nWEB01,Linux Server,SRV1\n")
    assert named.cis[WEB].fields["serial_number"] == "SRV1"


def test_exports_that_contradict_each_other_are_both_passed_on_to_be_refused() -> None:
    context = ReadContext(default_mapping("servicenow"))
    files = [
        OpenedFile(name, json.dumps({"result": [server(serial_number=serial)]}).encode())
        for name, serial in (("a.json", "SRV1"), ("b.json", "SRV2"))
    ]
    found = [item for item in servicenow.read(files, context) if isinstance(item, ParsedRecord)]
    assert [each.fields["serial_number"] for each in found] == ["SRV1", "SRV2"]


def test_the_order_of_the_files_does_not_matter() -> None:
    files = {path.name: path.read_bytes() for path in sorted(SAMPLES.iterdir())}
    context = ReadContext(default_mapping("servicenow"))
    opened = [OpenedFile(name, content) for name, content in files.items()]
    there = list(map(repr, servicenow.read(opened, context)))
    assert there == list(map(repr, servicenow.read(opened[::-1], context)))


def test_the_samples_load_without_an_error() -> None:
    context = ReadContext(default_mapping("servicenow"))
    paths = sorted(SAMPLES.iterdir())
    for path in paths:
        assert choose(InputFile(path.name, path.read_bytes())) is servicenow, path
    items = list(
        servicenow.read([OpenedFile(path.name, path.read_bytes()) for path in paths], context)
    )
    assert sum(getattr(item, "kind", None) is Kind.CI for item in items) > 50
    severities = {item.severity for item in items if hasattr(item, "severity")}
    assert severities == {Severity.WARNING}


def test_an_empty_list_says_which_kind_it_lists_by_the_name_of_the_file() -> None:
    assert read_files(servicenow, {"cmdb_rel_ci/cmdb_ci_server.json": '{"result": []}'}).kinds == {
        Kind.CI
    }
    assert read_files(servicenow, {"cmdb_rel_ci.csv": "Parent,Type,Child\n"}).kinds == {
        Kind.RELATIONSHIP
    }


def test_an_error_in_place_of_an_answer_is_said_as_such() -> None:
    found = read('{"error": {"message": "User Not Authenticated"}, "status": "failure"}')
    assert found.codes == ["source_error"]
    assert "User Not Authenticated" in found.problems[0].message


def test_a_ci_without_a_name_is_left_out_and_counted() -> None:
    assert read([server(name="")]).codes == ["no_name"]
    assert read([server(name="", fqdn="x.fjellvik.example")]).names == {"x.fjellvik.example"}


@pytest.mark.parametrize(
    "content",
    [
        '{"result": [{"sys_id": "1", "name": "x"}]}',
        '{"result": {"sys_class_name": "cmdb_ci"}}',
        '<?xml version="1.0"?><unload/>',
        f"<xml><cmdb_ci><sys_id>{WEB}</sys_id></cmdb_ci></xml>",
        "sys_id,name\n1,x\n",
        "Parent,Type,Child\na,Runs on::Runs,b\n",
        "Name,Class,Operational status\nx,Server,Operational\n",
    ],
)
def test_an_export_is_recognised_by_its_content(content: str) -> None:
    found = servicenow.recognises(OpenedFile("file", content.encode()))
    assert found is not None
    assert found.certainty < EXACTLY


@pytest.mark.parametrize(
    "content",
    ['{"results": []}', "[1]", "<html/>", "name,ci_class\nx,server\n", "a: 1", "Name;Class\nx;y\n"],
)
def test_other_files_are_not_taken_for_servicenows(content: str) -> None:
    assert servicenow.recognises(OpenedFile("file", content.encode())) is None


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([WEB, DB, "Depends on::Used by", "cmdb_ci_server"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["sys_id", "name", "parent", "child", "type", "value", "display_value", "result",
             "install_status", "owned_by", "sys_class_name", "dv_owned_by", "mac_address"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(records=st.lists(_JUNK, max_size=4), cut=st.integers(0, 400), junk=st.binary(max_size=4))
def test_no_input_raises(records: list[Any], cut: int, junk: bytes) -> None:
    context = ReadContext(default_mapping("servicenow"))
    contents = [
        json.dumps({"result": records}).encode(),
        UNLOAD.encode()[:cut] + junk + UNLOAD.encode()[cut + 3 :],
        b"Sys ID,Name,Class,Parent\n"[:cut] + junk + b"1,2\n",
    ]
    for content in contents:
        file = OpenedFile("cmdb_ci", content)
        servicenow.recognises(file)
        list(servicenow.read([file], context))
