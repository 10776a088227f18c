"""NetBox: pages of its REST API and exports of its tables become CIs that depend on one another."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cmdb.importers import netbox
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import BY_CONTENT, ReadContext
from cmdb.importers.records import InputFile, Kind, KindSeen
from cmdb.importers.registry import default_mapping
from cmdb.incoming import Incoming, take_in
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.plan import Missing
from cmdb.problems import Problems
from cmdb.schemas import Problem, Severity
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import transaction
from tests.cmdb.importers.netbox_pages import API, ENDPOINTS, Read, device, items_of, nested, page

SAMPLES = sorted((Path(__file__).parents[3] / "seed_data/sources/netbox").iterdir())


def test_a_device_is_known_by_kind_and_id_and_has_its_role_as_class() -> None:
    read = Read(
        page(
            device(
                17,
                "core-1",
                "core-switch",
                serial="SN1",
                primary_ip4={"id": 1, "address": "10.0.0.1/24"},
                custom_fields={"owner": "Network", "rack_note": "top"},
                tags=[{"id": 1, "name": "row-a", "slug": "row-a"}],
                config_context={"password": "x"},
            )
        )
    )
    ci = read.cis["dcim.device:17"]
    assert ci.fields["name"] == "core-1"
    assert ci.fields["ci_class"] == "network_device"
    assert ci.fields["status"] == "active"
    assert ci.fields["serial_number"] == "SN1"
    assert ci.fields["ip_address"] == "10.0.0.1/24"
    assert ci.fields["owner"] == "Network"
    assert ci.attributes["custom_fields.rack_note"] == "top"
    assert ci.attributes["tags"] == ["row-a"]
    assert ci.attributes["model"] == "R640"
    assert "config_context" not in ci.attributes
    assert read.codes == ["secrets_left_out"]


def test_netbox_3_calls_the_role_device_role_and_says_the_status_as_text() -> None:
    old = device(1, "a", device_role={"id": 2, "name": "Hypervisor"}, status="staged")
    del old["role"]
    ci = Read(page(old)).cis["dcim.device:1"]
    assert ci.fields["ci_class"] == "hypervisor"
    assert ci.fields["status"] == "planned"


def test_a_role_that_the_mapping_does_not_know_is_reported_and_becomes_generic() -> None:
    read = Read(page(device(1, "a", "oven")))
    assert read.cis["dcim.device:1"].fields["ci_class"] == "generic"
    assert "unknown_source_class" in read.codes
    own = Read(page(device(1, "a", "oven")), mapping='[classes]\noven = "endpoint"')
    assert own.cis["dcim.device:1"].fields["ci_class"] == "endpoint"
    assert not own.problems


def test_an_unnamed_device_is_named_by_its_type_and_id() -> None:
    assert Read(page(device(5, None))).cis["dcim.device:5"].fields["name"] == "R640 #5"


def test_names_that_only_the_site_tells_apart_get_the_site() -> None:
    racks = [nested("rack", 1, "A01", site=nested("site", 1, "ham1"), u_height=42)]
    racks += [nested("rack", 2, "A01", site=nested("site", 2, "fra2"), u_height=42)]
    read = Read(page(*racks))
    assert read.cis["dcim.rack:1"].fields["name"] == "A01 (ham1)"
    assert read.cis["dcim.rack:2"].fields["name"] == "A01 (fra2)"


def test_a_name_that_is_a_full_host_name_is_the_fqdn_too() -> None:
    read = Read(page(device(1, "db-1.ham1.fjellvik.example"), device(2, "10.0.0.1")))
    assert read.cis["dcim.device:1"].fields["fqdn"] == "db-1.ham1.fjellvik.example"
    assert "fqdn" not in read.cis["dcim.device:2"].fields


def test_a_machine_depends_on_its_cluster_and_the_cluster_on_its_hosts() -> None:
    cluster = nested("cluster", 1, "vs", type={"name": "vSphere"}, site=nested("site", 1, "ham1"))
    in_cluster: dict[str, Any] = {"cluster": nested("cluster", 1, "vs")}
    pages = [
        page(cluster),
        page(device(1, "h1", **in_cluster), device(2, "h2", **in_cluster)),
        page(
            nested("vm", 7, "web", **in_cluster, device=nested("device", 1, "h1")),
            nested("vm", 8, "alone", device=nested("device", 2, "h2")),
        ),
    ]
    links = Read(*pages).links
    key = "virtualization.cluster:1"
    assert links["virtualization.virtualmachine:7", "hosted_on", key] == (None, None)
    assert ("virtualization.virtualmachine:7", "runs_on", "dcim.device:1") not in links
    assert links["virtualization.virtualmachine:8", "runs_on", "dcim.device:2"] == (None, None)
    assert links[key, "contains", "dcim.device:1"] == ("hosts", None)
    assert links[key, "contains", "dcim.device:2"] == ("hosts", None)
    assert not any(this == key and type_name == "hosted_on" for this, type_name, _ in links)
    own = '[options]\nvm_depends_on_its_host = true\ncluster_min_up = "75%"'
    changed = Read(*pages, mapping=own).links
    assert ("virtualization.virtualmachine:7", "runs_on", "dcim.device:1") in changed
    assert changed[key, "contains", "dcim.device:2"] == ("hosts", "75%")
    more = Read(*pages, mapping='[options]\ncluster_min_up = "9"').links
    assert more[key, "contains", "dcim.device:2"] == ("hosts", 2)  # no more than there are


def test_a_device_is_in_its_rack_and_the_rack_in_its_location_and_that_in_its_site() -> None:
    site, room = nested("site", 1, "ham1"), nested("location", 3, "room 2")
    links = Read(
        page(device(1, "a", rack=nested("rack", 2, "A01"))),
        page(nested("rack", 2, "A01", site=site, location=room, u_height=42)),
        page({**room, "site": site, "parent": None}),
        page(site),
    ).links
    assert set(links) == {
        ("dcim.device:1", "hosted_on", "dcim.rack:2"),
        ("dcim.rack:2", "hosted_on", "dcim.location:3"),
        ("dcim.location:3", "hosted_on", "dcim.site:1"),
    }


def test_what_only_others_name_becomes_a_ci_unless_the_mapping_says_no() -> None:
    one = page(device(1, "a", rack=nested("rack", 2, "A01")))
    read = Read(one)
    assert read.cis["dcim.rack:2"].fields == {
        "key": "dcim.rack:2",
        "name": "A01",
        "ci_class": "rack",
    }
    assert ("dcim.rack:2", "hosted_on", "dcim.site:1") in read.links
    strict = Read(one, mapping="[options]\nmake_what_is_only_named = false")
    assert list(strict.cis) == ["dcim.device:1"]
    assert not strict.links
    assert "outside_this_load" in strict.codes


def test_services_run_on_their_host_and_carry_its_name() -> None:
    new = {"parent_object_type": "virtualization.virtualmachine", "parent_object_id": 7}
    read = Read(
        page(device(1, "srv")),
        page(nested("vm", 7, "web", vcpus=2)),
        page(
            nested("service", 1, "ssh", device=nested("device", 1, "srv"), ports=[22]),
            nested("service", 2, "ssh", **new, parent={"id": 7, "name": "web"}, ports=[22]),
            nested("service", 3, "vip", parent_object_type="ipam.fhrpgroup", parent_object_id=1),
        ),
    )
    assert ("ipam.service:1", "runs_on", "dcim.device:1") in read.links
    assert ("ipam.service:2", "runs_on", "virtualization.virtualmachine:7") in read.links
    assert read.cis["ipam.service:2"].fields["name"] == "ssh on web"
    assert read.cis["ipam.service:2"].fields["ci_class"] == "application"
    assert read.codes == ["outside_this_load"]


def test_members_depend_on_their_virtual_chassis() -> None:
    chassis = nested("chassis", 1, "stack-1", master=None, member_count=1)
    member = device(1, "a", "access-switch", virtual_chassis=nested("chassis", 1, "stack-1"))
    links = Read(page(chassis), page(member)).links
    assert ("dcim.device:1", "member_of", "dcim.virtualchassis:1") in links


def test_a_missing_page_is_a_warning_and_keeps_everything_from_being_retired() -> None:
    devices = [device(number, f"d{number}") for number in range(1, 5)]
    address = f"{API}dcim/devices/?limit=2"
    first = page(*devices[:2], count=4, next=f"{address}&offset=2")
    last = page(*devices[2:], count=4, previous=address)
    for alone in (first, last):
        read = Read(alone)
        assert read.codes == ["incomplete_listing"]
        assert KindSeen(Kind.CI, whole=False) in read.items
    whole = Read(last, first)
    assert not whole.problems
    assert KindSeen(Kind.CI) in whole.items
    assert KindSeen(Kind.CI, whole=False) not in whole.items


def test_what_is_on_a_missing_page_is_not_retired(sqlite_engine: Engine) -> None:
    devices = [device(number, f"d{number}") for number in range(1, 5)]
    limits = LoadLimits(max_retired_share=1)
    options = LoadOptions(source="netbox", missing=Missing.RETIRE)

    def retired(text: str) -> int:
        with transaction(sqlite_engine) as session:
            files = [InputFile("devices.json", text.encode())]
            return load(session, files, options, SYSTEM, limits).configuration_items.retired

    retired(page(*devices))
    part = page(*devices[:2], count=4, next=f"{API}dcim/devices/?limit=2&offset=2")
    assert retired(part) == 0
    assert retired(page(*devices[:2])) == 2


def test_an_object_on_two_pages_comes_once_in_its_later_version() -> None:
    old = device(1, "a", last_updated="2026-01-01T00:00:00Z")
    new = device(1, "b", last_updated="2026-02-01T00:00:00Z")
    for pages in ((old, new), (new, old)):
        read = Read(*map(page, pages))
        assert read.cis["dcim.device:1"].fields["name"] == "b"


def test_lists_that_are_not_read_are_named() -> None:
    prefix = {"id": 1, "url": f"{API}ipam/prefixes/1/", "prefix": "10.0.0.0/8"}
    read = Read(page(prefix))
    assert read.codes == ["unknown_netbox_kind"]
    assert "ipam/prefixes" in read.problems[0].message


def test_a_value_that_no_field_can_hold_becomes_an_attribute_and_a_warning() -> None:
    custom = {"criticality": "Tier 9"}
    read = Read(page(device(1, "a", status="melted", custom_fields=custom)))
    ci = read.cis["dcim.device:1"]
    assert "status" not in ci.fields
    assert ci.attributes["source_status"] == "melted"
    assert ci.attributes["source_criticality"] == "Tier 9"
    assert read.codes == ["doubtful_value"] * 2


def test_records_that_the_mapping_ignores_take_their_relationships_along() -> None:
    own = '[ignore]\nrecords = [{ field = "status", is = ["planned"] }]'
    racks = page(nested("rack", 2, "A01", status="planned", u_height=42))
    read = Read(page(device(1, "a", rack=nested("rack", 2, "A01"))), racks, mapping=own)
    assert "dcim.rack:2" not in read.cis
    assert not any("dcim.rack:2" in link for link in read.links)
    assert "left_out_by_rule" in read.codes


UI_EXPORT = """Name,Status,Tenant,Site,Location,Rack,Role,Manufacturer,Type,IP Address,Serial number
sw-1,Active,—,ham1,—,A01,Access switch,Arista,7050X,10.0.0.2/24,SN2
srv-1,Failed,—,ham1,—,A01,Server,Dell,R640,10.0.0.9/24,00123
"""


def test_an_export_of_the_device_table_is_read_by_names() -> None:
    read = Read(UI_EXPORT)
    ci = read.cis["dcim.device:sw-1"]
    assert ci.fields["ci_class"] == "network_device"
    assert ci.fields["serial_number"] == "SN2"
    assert ci.fields["ip_address"] == "10.0.0.2/24"
    assert ci.where.row == 2
    assert read.cis["dcim.device:srv-1"].fields["status"] == "maintenance"
    assert "owner" not in ci.fields
    assert ("dcim.device:srv-1", "hosted_on", "dcim.rack:A01@ham1") in read.links
    assert ("dcim.rack:A01@ham1", "hosted_on", "dcim.site:ham1") in read.links


def test_a_file_in_the_form_of_the_bulk_import_is_read_too() -> None:
    text = (
        "name;role;manufacturer;device_type;serial;status;site;cluster;cf_owner\n"
        "hv-1;hypervisor;Dell;R640;SN1;active;ham1;vs;Platform\n"
    )
    read = Read(text)
    assert read.cis["dcim.device:hv-1"].fields["ci_class"] == "hypervisor"
    assert read.cis["dcim.device:hv-1"].fields["owner"] == "Platform"
    assert read.links["virtualization.cluster:vs", "contains", "dcim.device:hv-1"] == (
        "hosts",
        None,
    )


def test_tables_and_pages_go_together_and_cables_of_tables_name_devices() -> None:
    cables = (
        "ID,Label,Termination A,Termination B,Device A,Device B,Status\n"
        "1,,eth0,Eth1,srv-1,sw-1,Connected\n"
        "2,,PSU1,Outlet 1,srv-1,pdu-1,Connected\n"
    )
    read = Read(UI_EXPORT, cables, page(device(3, "pdu-1", "pdu")))
    assert ("dcim.device:srv-1", "connects_to", "dcim.device:sw-1") in read.links
    assert ("dcim.device:srv-1", "powered_by", "dcim.device:3") in read.links


def test_a_table_with_ids_has_the_keys_of_the_api() -> None:
    text = "ID,Name,Status,Site,Cluster,VCPUs,Memory (MB)\n7,web,Active,ham1,vs,2,4096\n"
    assert "virtualization.virtualmachine:7" in Read(text).cis


def test_the_order_of_files_does_not_matter() -> None:
    files = [(path.name, path.read_text("utf-8")) for path in SAMPLES]
    assert items_of(files) == items_of(files[::-1])


def test_the_sample_files_are_recognised_and_have_no_errors() -> None:
    opened = [OpenedFile(path.name, path.read_bytes()) for path in SAMPLES]
    for file in opened:
        found = netbox.recognises(file)
        assert found is not None
        assert found.certainty == BY_CONTENT
    items = items_of([(file.name, file.content.decode()) for file in opened])
    problems = [each for each in items if isinstance(each, Problem)]
    assert all(each.severity is Severity.WARNING for each in problems)


def test_a_list_without_objects_is_a_page_too() -> None:
    assert netbox.recognises(OpenedFile("locations.json", page().encode())) is not None
    assert KindSeen(Kind.CI) in Read(page()).items


@pytest.mark.parametrize(
    "text",
    [
        '{"configuration_items": []}',
        '{"Results": [], "QueryInfo": {}}',
        '[{"resourceType": "AWS::EC2::VPC", "resourceId": "x"}]',
        "Hostname,Owner\na,b\n",
        "<a/>",
        "",
    ],
)
def test_other_files_are_not_taken_for_netbox(text: str) -> None:
    assert netbox.recognises(OpenedFile("f", text.encode())) is None


def test_an_object_without_id_and_name_and_one_that_is_none_are_errors() -> None:
    read = Read(page({"url": f"{API}dcim/devices/1/"}, 7))
    assert sorted(read.codes) == ["netbox_object_without_id", "unexpected_shape"]
    assert all(each.kind is Kind.CI for each in read.problems)


WORDS = st.sampled_from(
    ["id", "url", "name", "role", "site", "rack", "status", "cluster", "device", "object",
     "object_type", "dcim.interface", "dcim.powerfeed", "results", "count", "next", "parent",
     "https://n/api/dcim/devices/1/", "https://n/api/dcim/cables/?limit=x&offset=9", "—", ""]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A page of every kind, with some members replaced by anything."""
    kind = draw(st.sampled_from(sorted(ENDPOINTS)))
    names = ["id", "name", "role", "device_type", "status", "site", "rack", "cluster", "tags"]
    names += ["a_terminations", "b_terminations", "device", "connected_endpoints", "primary_ip4"]
    names += ["custom_fields", "parent", "scope", "scope_type", "parent_object_type", "mac_address"]
    said = {**device(1, "a"), "url": f"{API}{ENDPOINTS[kind]}/1/"}
    said |= draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=6))
    return json.dumps({"count": 1, "results": [said, draw(VALUES)], "next": draw(VALUES)})


@settings(max_examples=150, deadline=None)
@given(st.lists(mutated() | VALUES.map(json.dumps) | st.text(max_size=60), max_size=3))
def test_nothing_that_a_file_holds_makes_reading_raise(texts: list[str]) -> None:
    files = [OpenedFile(f"{n}", t.encode("utf-8", "replace")) for n, t in enumerate(texts)]
    for file in files:
        netbox.recognises(file)
    incoming, problems = Incoming(), Problems(10)
    items = netbox.read(files, ReadContext(default_mapping("netbox")))
    take_in(items, incoming, problems, max_records=1000, max_depth=20)
