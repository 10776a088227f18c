"""Mappings that are proposed for spreadsheets."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers.mapping import Mapping, read_mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.proposal import NoTableError, propose
from cmdb.importers.records import InputFile
from tests.cmdb.importers.test_spreadsheet import Read
from tests.cmdb.importers.workbooks import workbook

SEED = Path(__file__).parents[3] / "seed_data"

ENGLISH = """Hostname,Asset Tag,Serial No.,Device Type,Env,Owner,IP,MAC Address,Depends On,Rack
web-01,A-00017,SN1,VM,prod,Shop,10.0.0.1,02:a5:4d:ca:18:25,"db-01, cache-01",R1
db-01,A-00018,SN2,Physical Server,prod,Data,10.0.0.2,02:a5:4d:ca:18:26,,R2
cache-01,A-00019,SN3,Gizmo,qa2,Data,10.0.0.3,02:a5:4d:ca:18:27,db-01,R2
"""
GERMAN = """Inventarliste Stand 11/2026;;;;;;;
Gerätename;Inventar-Nr.;Seriennummer;Typ;Umgebung;Kritikalität;Verantwortlich;Abhängig von
web-01;4711;SN1;VM;Produktion;hoch;Müller GmbH;db-01
db-01;4712;SN2;Datenbankserver;Produktion;kritisch;Huber KG;
Summe;2;;;;;;
""".encode("cp1252")
FRENCH = """Nom d'hôte;N° inventaire;Numéro de série;Environnement;Criticité;Propriétaire;Dépend de
web-01;4711;SN1;production;élevée;Boutique;db-01
db-01;4712;SN2;recette;faible;Données;
"""


def proposed(content: str | bytes, name: str = "assets.csv") -> tuple[str, Mapping]:
    raw = content.encode() if isinstance(content, str) else content
    text = propose(OpenedFile(name, raw))
    return text, read_mapping(InputFile("proposed.toml", text.encode()))


def test_english_headers_are_understood() -> None:
    _, mapping = proposed(ENGLISH)
    assert mapping.format == "spreadsheet"
    assert mapping.fields == {
        "name": "Hostname",
        "serial_number": "Serial No.",
        "ci_class": "Device Type",
        "environment": "Env",
        "owner": "Owner",
        "ip_address": "IP",
        "mac_addresses": "MAC Address",
    }
    assert mapping.options == {"key": "Asset Tag", "depends_on": ["Depends On"]}


@pytest.mark.parametrize("content", [GERMAN, FRENCH])
def test_german_and_french_headers_are_understood(content: str | bytes) -> None:
    _, mapping = proposed(content)
    wanted = {"name", "serial_number", "environment", "criticality", "owner"}
    assert wanted <= mapping.fields.keys()
    assert mapping.options.keys() >= {"key", "depends_on"}


def test_misspelt_and_longer_headers_are_understood() -> None:
    _, mapping = proposed("Host name (short),Seriel Number,System Owner\nweb,S1,Shop\ndb,S2,Data\n")
    assert mapping.fields["name"] == "Host name (short)"
    assert mapping.fields["serial_number"] == "Seriel Number"
    assert mapping.fields["owner"] == "System Owner"


def test_columns_are_known_by_their_values_where_the_header_says_nothing() -> None:
    rows = [f"h{n}.example.org,10.0.0.{n},02-a5-4d-ca-18-{n:02x},Prod,in use" for n in range(1, 9)]
    text, mapping = proposed("\n".join(["c1,c2,c3,c4,c5", *rows]))
    assert mapping.fields == {
        "name": "c1",
        "fqdn": "c1",
        "ip_address": "c2",
        "mac_addresses": "c3",
        "environment": "c4",
        "status": "c5",
    }
    assert "8 of 8 values are IP addresses, the header does not say it" in text


def test_a_header_alone_does_not_make_an_ip_address() -> None:
    _, mapping = proposed("Hostname,IP\nweb,Class A\ndb,Class B\n")
    assert "ip_address" not in mapping.fields


def test_a_column_that_names_other_rows_is_a_dependency() -> None:
    rows = ["web,db / cache", "db,cache", "cache,", "auth,db / cache"]
    _, mapping = proposed("\n".join(["Hostname,Needed", *rows]).replace("db / cache", "db; cache"))
    assert mapping.options["depends_on"] == ["Needed"]


def test_the_separator_of_dependencies_is_found() -> None:
    rows = ["web,db/cache", "db,cache", "cache,", "auth,db/cache"]
    _, mapping = proposed("\n".join(["Hostname,Depends On", *rows]))
    assert mapping.options["separator"] == "/"


def test_reasons_are_given_and_counted() -> None:
    text, _ = proposed(ENGLISH)
    assert "# the header says it; 3 of 3 values are IP addresses" in text
    assert "2 of 3 values are environments" in text
    assert "3 of the 3 names in it are rows of this file" in text
    assert "become attributes under their own header: Rack" in text


def test_a_key_that_is_there_twice_is_not_proposed() -> None:
    text, mapping = proposed("Hostname,Asset Tag\na,1\nb,1\nc,2\n")
    assert "key" not in mapping.options
    assert "1 values come more than once, such as 1" in text
    assert '# key = "Asset Tag"' in text


def test_classes_are_listed_with_a_guess_or_left_to_be_filled_in() -> None:
    text, mapping = proposed(ENGLISH)
    assert mapping.classes == {"VM": "virtual_machine", "Physical Server": "server"}
    assert '# "Gizmo" = "generic"  # 1 row; fill in one of our classes' in text


def test_values_that_are_not_known_are_listed_and_known_ones_are_not() -> None:
    content = "Hostname,Status\na,In Betrieb\nb,active\nc,In Betrib\nd,zzz\n"
    text, mapping = proposed(content)
    assert mapping.values == {"status": {"In Betrib": "active"}}
    assert '# "zzz" = ""' in text


def test_without_a_class_column_the_file_or_sheet_says_the_class() -> None:
    table = [["Hostname", "Rack"], ["a", "r"]]
    assert proposed(workbook({"Servers": table}), "x.xlsx")[1].options["ci_class"] == "server"
    assert proposed("Hostname,Rack\na,r\n", "Printer list.csv")[1].options["ci_class"] == "endpoint"
    assert proposed("Hostname,Rack\na,r\n")[1].options["ci_class"] == "generic"


def test_the_fullest_sheet_is_taken_and_those_like_it_with_it() -> None:
    content = workbook(
        {
            "Legend": [["Colour", "Meaning"], ["red", "old"]],
            "Servers": [["Hostname", "Type", "Serial No."], ["a", "VM", "S1"]],
            "Printers": [["Hostname", "Type"], ["b", "Printer"]],
        }
    )
    text, mapping = proposed(content)
    assert "Made for the sheets: Servers, Printers" in text
    assert "no such name column: Legend" in text
    assert mapping.classes == {"VM": "virtual_machine", "Printer": "endpoint"}


@pytest.mark.parametrize("content", [ENGLISH, GERMAN, FRENCH])
def test_reading_by_what_was_proposed_works_as_it_is(content: str | bytes) -> None:
    text, _ = proposed(content)
    found = Read(content, text)
    assert found.names[:2] == ["web-01", "db-01"]
    assert {"read_as_windows_1252", "total_line", "unknown_source_class"} >= set(found.codes)
    assert all(ci.fields["key"] for ci in found.cis)
    assert len(found.links) >= 1


@pytest.mark.parametrize("file", ["filialen.csv", "warehouses.xlsx"])
def test_reading_the_samples_by_what_is_proposed_works(file: str) -> None:
    content = (SEED / "sources/spreadsheet" / file).read_bytes()
    found = Read(content, proposed(content, file)[0])
    assert len(found.cis) in (36, 18)
    assert not [each for each in found.problems if each.severity == "error"]


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\x00\x00", b"PK\x03\x04", workbook({"S": []}), b"\n\n;;;\n"]
)
def test_a_file_without_a_table_is_refused(content: bytes) -> None:
    with pytest.raises(NoTableError) as refused:
        propose(OpenedFile("assets.xlsx", content))
    assert refused.value.hint
    assert "assets.xlsx" in refused.value.detail


def test_a_header_without_rows_still_gives_a_mapping() -> None:
    _, mapping = proposed("Hostname;Seriennummer\n")
    assert mapping.fields == {"name": "Hostname", "serial_number": "Seriennummer"}


def test_ten_thousand_columns_give_a_mapping_that_can_be_read() -> None:
    header = ",".join(f"column {n}" for n in range(10_000))
    text, mapping = proposed(f"Hostname,{header}\nweb{',1' * 10_000}\n")
    assert mapping.fields["name"] == "Hostname"
    assert len(text) < 10_000


CELLS = st.sampled_from(
    ["Hostname", 'a"b', "\\", "Typ", "IP", "10.0.0.1", "\x7f", "#x", "Depends On"]
)
CELL = CELLS | st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters=";"), max_size=6
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELL, min_size=1, max_size=5), min_size=1, max_size=6))
def test_whatever_the_table_holds_what_is_proposed_can_be_read_and_used(
    rows: list[list[str]],
) -> None:
    content = "\n".join(";".join(row) for row in rows)
    try:
        text, mapping = proposed(content)
    except NoTableError:
        return
    assert mapping.fields["name"]
    found = Read(content, text)
    assert not {"column_not_found", "no_class"} & set(found.codes)
