"""CycloneDX: applications and services out of bills of materials, and what libraries hide."""

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import cyclonedx
from cmdb.importers.bridges import Bridged
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import Kind
from cmdb.importers.registry import recognise
from tests.cmdb.importers.by_mapping import read, read_files


def bom(
    *components: dict[str, Any],
    main: dict[str, Any] | None = None,
    services: list[dict[str, Any]] | None = None,
    depends: dict[str, list[str]] | None = None,
) -> str:
    """A bill of materials; `depends` is by reference."""
    document: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
    if main is not None:
        document["metadata"] = {"component": main}
    document["components"] = list(components)
    if services is not None:
        document["services"] = services
    if depends is not None:
        document["dependencies"] = [
            {"ref": ref, "dependsOn": providers} for ref, providers in depends.items()
        ]
    return json.dumps(document)


def part(name: str, kind: str = "application", **more: Any) -> dict[str, Any]:
    return {"type": kind, "bom-ref": name, "name": name, **more}


SHOP = bom(
    part("logger", "library"),
    part("postgres", "container", version="15.8", supplier={"name": "The community"}),
    main=part(
        "orders-api",
        version="7.22.5",
        group="com.fjellvik",
        purl="pkg:maven/com.fjellvik/orders-api@7.22.5",
        publisher="Fjellvik",
        licenses=[{"license": {"id": "MIT"}}],
        hashes=[{"alg": "SHA-1", "content": "0" * 40}],
    ),
    services=[
        {"bom-ref": "stock", "name": "stock", "endpoints": ["https://stock.fjellvik.example"]},
        {"bom-ref": "mail", "name": "mail", "x-trust-boundary": True},
        {"bom-ref": "sms", "name": "sms", "trustZone": "Public", "provider": {"name": "A telco"}},
    ],
    depends={"orders-api": ["logger", "postgres", "stock"], "logger": ["mail"], "mail": []},
)


def test_applications_containers_and_services_become_cis_of_their_classes() -> None:
    found = read(cyclonedx, SHOP)
    assert {name: ci.fields["ci_class"] for name, ci in found.cis.items()} == {
        "orders-api": "application",
        "postgres": "container",
        "stock": "technical_service",
        "mail": "saas",
        "sms": "saas",
    }
    assert found.kinds == {Kind.CI, Kind.RELATIONSHIP}
    assert found.codes == ["components_left_out"]
    assert "1 library" in found.problems[0].message


def test_version_package_and_makers_are_kept_and_licences_and_hashes_are_not() -> None:
    found = read(cyclonedx, SHOP)
    assert found.cis["orders-api"].attributes == {
        "component_type": "application",
        "group": "com.fjellvik",
        "version": "7.22.5",
        "purl": "pkg:maven/com.fjellvik/orders-api@7.22.5",
        "publisher": "Fjellvik",
    }
    assert found.cis["postgres"].attributes["supplier"] == "The community"
    assert found.cis["sms"].attributes["provider"] == "A telco"
    assert found.cis["stock"].attributes["endpoints"] == ["https://stock.fjellvik.example"]


def test_what_depends_on_a_library_depends_on_what_the_library_depends_on() -> None:
    assert read(cyclonedx, SHOP).links == {
        ("orders-api", "depends_on", "postgres"),
        ("orders-api", "depends_on", "stock"),
        ("orders-api", "depends_on", "mail"),
    }


def test_libraries_become_cis_only_where_they_are_asked_for() -> None:
    found = read(cyclonedx, SHOP, mapping="[options]\nlibraries = true")
    assert ("orders-api", "depends_on", "logger") in found.links
    assert ("logger", "depends_on", "mail") in found.links
    assert ("orders-api", "depends_on", "mail") not in found.links
    assert not found.problems


def test_libraries_are_named_with_group_and_version_so_that_two_versions_are_two_things() -> None:
    old, new = (
        {**part("core", "library", group="org.x", version=each), "bom-ref": each}
        for each in ("1", "2")
    )
    found = read(cyclonedx, bom(old, new, depends={}), mapping="[options]\nlibraries = true")
    assert found.names == {"org.x/core 1", "org.x/core 2"}


def test_libraries_in_a_circle_end_and_are_passed_through_once() -> None:
    found = read(
        cyclonedx,
        bom(
            part("app"),
            part("a", "library"),
            part("b", "library"),
            part("db", "container"),
            depends={"app": ["a", "b", "app"], "a": ["b", "app"], "b": ["a", "db"], "db": ["db"]},
        ),
    )
    assert found.links == {("app", "depends_on", "db")}


def test_the_way_through_libraries_is_bounded() -> None:
    size = 3_000
    started = time.monotonic()
    edges = {at: list(range(size, size + 1000)) for at in range(size + 1000)}
    walk = Bridged(edges, frozenset(range(size)))
    assert sum(1 for _ in walk.pairs()) == 0
    assert walk.stopped
    assert time.monotonic() - started < 10


def test_nested_components_and_services_are_listed() -> None:
    found = read(
        cyclonedx,
        bom(
            part("host", "platform", components=[part("app", components=[part("lib", "library")])]),
            services=[{"name": "outer", "services": [{"name": "inner"}]}],
        ),
    )
    assert found.names == {"host", "app", "outer", "inner"}
    assert found.cis["app"].where.pointer == "/components/0/components/0"


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"bom-ref": "app"}, "app"),
        ({"purl": "pkg:npm/x@1.0"}, "pkg:npm/x@1.0"),
        ({"purl": "pkg:npm/x", "version": "1.0"}, "pkg:npm/x@1.0"),
        ({}, "application:x"),
        ({"group": "g", "version": "2"}, "application:g/x"),
        ({"bom-ref": "3e671687-395b-41f5-a30f-a58921a69b79"}, "application:x"),
        ({"bom-ref": "urn:uuid:3E671687-395b-41f5-a30f-a58921a69b79", "purl": "p:1@1"}, "p:1@1"),
    ],
)
def test_the_key_is_what_stays_the_same_from_one_export_to_the_next(
    said: dict[str, Any], key: str
) -> None:
    found = read(cyclonedx, bom({"type": "application", "name": "x", **said}))
    assert set(found.cis) == {key}


def test_a_random_reference_still_leads_to_its_component() -> None:
    ref = "3e671687-395b-41f5-a30f-a58921a69b79"
    found = read(
        cyclonedx, bom(part("app"), {**part("db"), "bom-ref": ref}, depends={"app": [ref]})
    )
    assert found.links == {("app", "depends_on", "application:db")}


def test_a_part_that_several_files_list_is_one() -> None:
    files: dict[str, str | bytes] = {
        "shop.json": bom(part("shop"), part("db", "container"), depends={"shop": ["db"]}),
        "care.json": bom(part("care"), part("db", "container"), depends={"care": ["db"]}),
    }
    found = read_files(cyclonedx, files)
    assert found.links == {("shop", "depends_on", "db"), ("care", "depends_on", "db")}
    other = read_files(cyclonedx, dict(reversed(files.items())))
    assert (other.cis, other.links) == (found.cis, found.links)


def test_one_reference_for_different_things_in_two_files_makes_two_cis() -> None:
    one = bom({**part("shop"), "bom-ref": "main"}, part("db"), depends={"main": ["db"]})
    two = bom({**part("care"), "bom-ref": "main"})
    found = read(cyclonedx, one, two)
    assert set(found.cis) == {"application:shop", "application:care", "db"}
    assert found.links == {("application:shop", "depends_on", "db")}
    assert "ambiguous_bom_ref" in found.codes


def test_references_that_lead_nowhere_are_counted_in_one_warning() -> None:
    found = read(cyclonedx, bom(part("app"), depends={"app": ["gone", "lost"], "x": ["app"]}))
    assert not found.relationships
    assert found.codes == ["unknown_reference"]
    assert "3 dependencies" in found.problems[0].message


def test_a_file_without_dependencies_says_so_and_does_not_list_them() -> None:
    found = read(cyclonedx, bom(part("app"), part("db")))
    assert found.codes == ["no_dependencies"]
    assert found.kinds == {Kind.CI}


def test_a_file_of_vulnerabilities_alone_lists_no_things() -> None:
    found = read(cyclonedx, '{"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-1"}]}')
    assert (found.kinds, found.problems) == (set(), [])


def test_a_class_can_be_said_for_a_type_with_a_name() -> None:
    found = read(cyclonedx, SHOP, mapping='[classes]\n"container postgres*" = "database"')
    assert found.cis["postgres"].fields["ci_class"] == "database"


def test_devices_bring_their_serial_number_and_addresses() -> None:
    properties = [
        {"name": "cdx:device:serialNumber", "value": "SRV123"},
        {"name": "cdx:device:macAddress", "value": "02:00:5e:00:00:01"},
        {"name": "cdx:device:macAddress", "value": "02:00:5e:00:00:02"},
        {"name": "internal:note", "value": "hunter2"},
    ]
    found = read(cyclonedx, bom(part("box", "device", properties=properties)))
    assert found.cis["box"].fields["serial_number"] == "SRV123"
    assert found.cis["box"].attributes["mac_addresses"] == [
        "02:00:5e:00:00:01",
        "02:00:5e:00:00:02",
    ]
    assert "hunter2" not in repr(found)


def test_a_type_that_the_mapping_does_not_know_is_generic_and_reported() -> None:
    found = read(cyclonedx, bom(part("x", "quantum-thing")))
    assert found.cis["x"].fields["ci_class"] == "generic"
    assert found.codes == ["unknown_source_class"]


def test_a_component_without_a_name_is_a_rejected_record() -> None:
    found = read(cyclonedx, bom({"type": "application"}, part("lib", "library"), part("app")))
    assert found.names == {"app"}
    assert ("missing_value", Kind.CI) in [(each.code, each.kind) for each in found.problems]


XML = """<?xml version="1.0" encoding="UTF-8"?>
<{p}bom {xmlns}="http://cyclonedx.org/schema/bom/1.4" version="1">
  <{p}metadata><{p}component type="application" bom-ref="app">
    <{p}name>orders-api</{p}name><{p}version>7.22.5</{p}version>
  </{p}component></{p}metadata>
  <{p}components>
    <{p}component type="library" bom-ref="lib"><{p}name>logger</{p}name>
      <{p}components><{p}component type="container" bom-ref="in"><{p}name>inner</{p}name>
      </{p}component></{p}components>
    </{p}component>
  </{p}components>
  <{p}services><{p}service bom-ref="mail"><{p}provider><{p}name>A firm</{p}name></{p}provider>
    <{p}name>mail</{p}name><{p}x-trust-boundary>true</{p}x-trust-boundary>
    <{p}endpoints><{p}endpoint>https://mail.example</{p}endpoint></{p}endpoints>
  </{p}service></{p}services>
  <{p}dependencies>
    <{p}dependency ref="app"><{p}dependency ref="lib"/></{p}dependency>
    <{p}dependency ref="lib"><{p}dependency ref="mail"/></{p}dependency>
  </{p}dependencies>
</{p}bom>"""


@pytest.mark.parametrize(
    "content", [XML.format(p="", xmlns="xmlns"), XML.format(p="c:", xmlns="xmlns:c")]
)
def test_the_xml_form_is_read_like_the_json_form(content: str) -> None:
    assert [each.NAME for each, _ in recognise(OpenedFile("x", content.encode()))] == ["cyclonedx"]
    found = read(cyclonedx, content)
    assert {ci.fields["name"]: ci.fields["ci_class"] for ci in found.cis.values()} == {
        "orders-api": "application",
        "inner": "container",
        "mail": "saas",
    }
    assert found.cis["mail"].attributes["provider"] == "A firm"
    assert found.cis["mail"].attributes["endpoints"] == ["https://mail.example"]
    assert found.links == {("app", "depends_on", "mail")}


@pytest.mark.parametrize("content", ['{"bomFormat": "SPDX"}', "<bom/>", "<a/>", "[]", "", "{"])
def test_other_files_are_not_taken_for_a_bill_of_materials(content: str) -> None:
    assert cyclonedx.recognises(OpenedFile("x", content.encode())) is None


def test_it_is_recognised_by_its_own_word() -> None:
    found = recognise(OpenedFile("x", SHOP.encode()))
    assert [(each.NAME, said.certainty) for each, said in found] == [("cyclonedx", 4)]


NAMES = [
    *("components", "services", "metadata", "component", "dependencies", "ref", "dependsOn"),
    *("name", "type", "bom-ref", "purl", "version", "properties", "provider", "endpoints"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_no_document_makes_it_raise(document: Any) -> None:
    whole = {"bomFormat": "CycloneDX", "components": [document], "services": [document]}
    for content in (json.dumps(document), json.dumps({**whole, "dependencies": document})):
        cyclonedx.recognises(OpenedFile("x", content.encode()))
        read(cyclonedx, content)


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_damage_to_an_xml_file_makes_it_raise(chance: random.Random) -> None:
    raw = bytearray(XML.format(p="", xmlns="xmlns").encode())
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randint(0, 9)] = bytes(
            chance.choice(b'<>/=" \x00\xffab&') for _ in range(chance.randint(0, 2))
        )
    cyclonedx.recognises(OpenedFile("x", bytes(raw)))
    read(cyclonedx, bytes(raw))
