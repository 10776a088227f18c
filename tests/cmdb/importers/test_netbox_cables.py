"""NetBox's cables and ports: what gives power, what is upstream, and what says neither."""

from tests.cmdb.importers.netbox_pages import Read, cable, device, end, nested, page

ROLES = (
    device(1, "srv"),
    device(2, "sw-a", "access-switch"),
    device(3, "sw-b", "access-switch"),
    device(4, "core", "core-switch"),
    device(5, "pdu-a", "pdu"),
    device(6, "pdu-b", "pdu"),
    device(7, "nas-1", "storage"),
)


def test_the_upstream_end_of_a_cable_is_told_by_the_roles_whichever_end_is_a() -> None:
    read = Read(
        page(*ROLES),
        page(
            cable(1, end(1), end(2)),
            cable(2, end(3), end(1, port="eth1")),
            cable(3, end(4), end(2)),
            cable(4, end(2), end(3)),
            cable(5, end(1), end(7)),
        ),
    )
    links = {key: group for key, group in read.links.items() if key[1] != "hosted_on"}
    assert links == {
        ("dcim.device:1", "connects_to", "dcim.device:2"): ("uplinks", 1),
        ("dcim.device:1", "connects_to", "dcim.device:3"): ("uplinks", 1),
        ("dcim.device:2", "connects_to", "dcim.device:4"): (None, None),
        ("dcim.device:2", "related_to", "dcim.device:3"): (None, None),
        ("dcim.device:1", "related_to", "dcim.device:7"): (None, None),
    }


def test_the_order_of_roles_and_the_groups_are_the_mappings_matter() -> None:
    cables = page(cable(1, end(2), end(1)), cable(2, end(3), end(1)), cable(3, end(4), end(1)))
    own = '[options]\nupstream_roles = ["access-*, core-*", "server"]\nuplink_redundancy = false'
    links = Read(page(*ROLES), cables, mapping=own).links
    assert links["dcim.device:4", "connects_to", "dcim.device:1"] == (None, None)
    assert links["dcim.device:2", "connects_to", "dcim.device:1"] == (None, None)


def test_two_power_supplies_are_a_group_of_which_one_must_be_up() -> None:
    feed = nested("feed", 9, "feed-a", power_panel=None, amperage=63)
    at_feed = {"object_type": "dcim.powerfeed", "object_id": 9, "object": feed}
    links = Read(
        page(*ROLES),
        page(feed),
        page(
            cable(1, end(1, "powerport", "PSU1"), end(5, "poweroutlet")),
            cable(2, end(6, "poweroutlet"), end(1, "powerport", "PSU2")),
            cable(3, end(6, "powerport"), at_feed),
        ),
    ).links
    assert links["dcim.device:1", "powered_by", "dcim.device:5"] == ("power", 1)
    assert links["dcim.device:1", "powered_by", "dcim.device:6"] == ("power", 1)
    assert links["dcim.device:6", "powered_by", "dcim.powerfeed:9"] == (None, None)


def test_a_cable_at_a_management_port_makes_no_uplink() -> None:
    links = Read(page(*ROLES), page(cable(1, end(1, port="iDRAC"), end(2)))).links
    assert ("dcim.device:1", "related_to", "dcim.device:2") in links
    assert ("dcim.device:1", "connects_to", "dcim.device:2") not in links


def test_cables_that_say_nothing_of_failure_are_left_out_and_counted() -> None:
    read = Read(
        page(*ROLES),
        page(
            cable(1, end(1), end(2), status={"value": "planned", "label": "Planned"}),
            cable(2, end(1), end(2, "frontport")),
            cable(3, end(1, "consoleport"), end(2, "consoleserverport")),
        ),
    )
    assert not any(type_name in ("connects_to", "related_to") for _, type_name, _ in read.links)
    assert read.codes == ["cables_left_out"] * 3


def test_cables_of_netbox_3_2_have_one_termination_a_side() -> None:
    old = {
        "termination_a_type": "dcim.interface",
        "termination_a_id": 1,
        "termination_a": {"name": "eth0", "device": nested("device", 1, "srv")},
        "termination_b_type": "dcim.interface",
        "termination_b_id": 2,
        "termination_b": {"name": "eth9", "device": nested("device", 2, "sw-a")},
    }
    links = Read(page(*ROLES), page(nested("cable", 1, None, **old))).links
    assert ("dcim.device:1", "connects_to", "dcim.device:2") in links


def test_interfaces_tell_mac_addresses_and_what_is_behind_patch_panels() -> None:
    port = nested(
        "interface",
        1,
        "eth0",
        device=nested("device", 1, "srv"),
        mac_address="AA:BB:CC:00:00:01",
        connected_endpoints=[{"id": 8, "name": "Eth1", "device": nested("device", 2, "sw-a")}],
        connected_endpoints_type="dcim.interface",
        connected_endpoints_reachable=True,
    )
    read = Read(page(*ROLES), page(port))
    assert ("dcim.device:1", "connects_to", "dcim.device:2") in read.links
    assert read.cis["dcim.device:1"].attributes["mac_addresses"] == ["aa:bb:cc:00:00:01"]
