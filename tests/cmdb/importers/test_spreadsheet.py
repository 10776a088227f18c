"""Spreadsheets of any kind, by a mapping."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import spreadsheet
from cmdb.importers.mapping import read_mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import ReadContext
from cmdb.importers.records import InputFile, Kind, KindSeen, ParsedRecord
from cmdb.importers.registry import choose, default_mapping
from cmdb.schemas import Problem, Severity
from tests.cmdb.importers.workbooks import workbook

SAMPLES = Path(__file__).parents[3] / "seed_data/sources/spreadsheet"

MAPPING = """
format = "spreadsheet"
[fields]
name = "Hostname"
serial_number = ["Serial No.", "S/N"]
[options]
ci_class = "server"
"""


class Read:
    """What became of a table: CIs, links and problems."""

    def __init__(self, content: str | bytes, mapping: str = MAPPING) -> None:
        raw = content.encode() if isinstance(content, str) else content
        changes = read_mapping(InputFile("m.toml", mapping.encode()))
        context = ReadContext(changes.over(default_mapping("spreadsheet")))
        items = list(spreadsheet.read([OpenedFile("assets", raw)], context))
        records = [item for item in items if isinstance(item, ParsedRecord)]
        self.cis = [record for record in records if record.kind is Kind.CI]
        self.links = [
            tuple(record.fields[name] for name in ("dependent", "type", "provider"))
            for record in records
            if record.kind is Kind.RELATIONSHIP
        ]
        self.relationships = [each for each in records if each.kind is Kind.RELATIONSHIP]
        self.problems = [item for item in items if isinstance(item, Problem)]
        self.kinds = {item.kind for item in items if isinstance(item, KindSeen)}

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.problems]

    @property
    def names(self) -> list[str]:
        return [ci.fields["name"] for ci in self.cis]


def with_options(*lines: str) -> str:
    return MAPPING + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "header", ["Hostname,Serial No.", "HOST NAME,serial no", "host-name,S / N", " hostname ,s/n"]
)
def test_columns_are_found_whatever_their_case_spaces_and_punctuation(header: str) -> None:
    found = Read(f"{header},Rack\nweb,SN1,A01\n")
    assert not found.problems
    assert found.cis[0].fields == {"name": "web", "serial_number": "SN1", "ci_class": "server"}
    assert found.cis[0].attributes == {"Rack": "A01"}


def test_a_title_blank_lines_empty_columns_and_a_total_do_no_harm() -> None:
    found = Read("Assets 2026;;;\n;;;\nHostname;S/N;;\nweb;A1;;\n;;;\ndb;A2;;\nSumme;2;;\n")
    assert found.names == ["web", "db"]
    assert [ci.where.row for ci in found.cis] == [4, 6]
    assert [(each.code, each.row) for each in found.problems] == [("total_line", 7)]


def test_a_thing_called_total_is_a_total_only_on_the_last_line() -> None:
    assert Read("Hostname,S/N\nTotal,1\ndb,2\n").names == ["Total", "db"]


def test_european_csv_in_windows_1252_is_read_with_a_warning() -> None:
    content = "Hostname;Eigentümer\nmünchen-01;Müller GmbH\n".encode("cp1252")
    found = Read(content, MAPPING.replace("[options]", 'owner = "eigentumer"\n[options]'))
    assert found.cis[0].fields["owner"] == "Müller GmbH"
    assert found.codes == ["read_as_windows_1252", "column_not_found"]


def test_unicode_text_of_excel_is_read() -> None:
    found = Read("Hostname\tS/N\r\nmünchen\tA1\r\n".encode("utf-16"))
    assert found.names == ["münchen"]


def test_line_breaks_in_quotes_stay_in_their_cell() -> None:
    found = Read('Hostname,S/N,Note\nweb,A1,"two\nlines"\ndb,A2,\n')
    assert found.cis[0].attributes == {"Note": "two\nlines"}
    assert [ci.where.row for ci in found.cis] == [2, 4]


def test_equal_headers_are_told_apart() -> None:
    found = Read(
        "Hostname,S/N,Contact,Contact\nweb,A1,anna,bert\n",
        MAPPING.replace("[options]", 'owner = "Contact (2)"\n[options]'),
    )
    assert found.cis[0].fields["owner"] == "bert"
    assert found.cis[0].attributes == {"Contact": "anna"}


def test_ten_thousand_columns_are_read() -> None:
    header = ",".join(f"a{n}" for n in range(10_000))
    found = Read(f"Hostname,S/N,{header}\nweb,A1{',1' * 10_000}\n")
    assert len(found.cis[0].attributes) == 10_000


def test_values_under_no_header_are_left_out_with_one_warning() -> None:
    found = Read("Hostname,,S/N\nweb,x,A1\ndb,y,A2\n")
    assert found.codes == ["value_without_header"]
    assert found.names == ["web", "db"]


def test_numbers_that_excel_shortened_are_no_serial_numbers_and_no_keys() -> None:
    mapping = with_options('key = "Asset"')
    found = Read("Hostname;S/N;Asset\nweb;1,23E+05;4.5E+11\ndb;00123;A-2\n", mapping)
    assert [ci.fields.get("serial_number") for ci in found.cis] == [None, "00123"]
    assert [ci.fields.get("key") for ci in found.cis] == [None, "A-2"]
    assert found.cis[0].attributes == {"S/N": "1,23E+05", "Asset": "4.5E+11"}
    assert found.codes == ["scientific_notation", "scientific_notation"]


def test_words_for_yes_and_no_stay_as_they_are() -> None:
    found = Read("Hostname,S/N,A,B,C\nweb,A1,yes,x,TRUE\n")
    assert found.cis[0].attributes == {"A": "yes", "B": "x", "C": "TRUE"}


def test_what_is_no_address_becomes_an_attribute_and_the_first_of_several_counts() -> None:
    mapping = MAPPING.replace("[options]", 'ip_address = "IP"\nfqdn = "Hostname"\n[options]')
    content = 'Hostname,S/N,IP\nweb,1,DHCP\ndb,2,"x, 10.0.0.1; 10.0.0.2"\nold box,3,10.0.0.3/24\n'
    found = Read(content, mapping)
    assert [ci.fields.get("ip_address") for ci in found.cis] == [None, "10.0.0.1", "10.0.0.3/24"]
    assert [ci.fields.get("fqdn") for ci in found.cis] == ["web", "db", None]
    assert found.names == ["web", "db", "old box"]
    assert found.cis[1].attributes["IP"] == "x, 10.0.0.1; 10.0.0.2"
    assert sorted(found.codes) == ["no_fqdn", "no_ip_address"]


def test_mac_addresses_become_a_list() -> None:
    mapping = MAPPING.replace("[options]", 'mac_addresses = "MAC"\n[options]')
    found = Read('Hostname,S/N,MAC\nweb,1,"02-a5-4d-ca-18-25, 02:a5:4d:ca:18:26"\n', mapping)
    macs = ["02-a5-4d-ca-18-25", "02:a5:4d:ca:18:26"]
    assert found.cis[0].attributes["mac_addresses"] == macs


def test_formulas_that_failed_are_left_out_with_a_warning() -> None:
    found = Read("Hostname,S/N,Room\nweb,A1,#REF!\ndb,A2,#REF!\n")
    assert found.codes == ["formula_error"]
    assert "2 rows" in found.problems[0].message


def test_the_class_comes_from_a_column_by_the_classes_of_the_mapping() -> None:
    mapping = """
        fields = { name = "Hostname", ci_class = "Typ" }
        classes = { "Kiste" = "server" }
    """
    found = Read("Hostname,Typ\na,Kiste\nb,VM\nc,Dings\nd,Datenbank\n", mapping)
    classes = [ci.fields["ci_class"] for ci in found.cis]
    assert classes == ["server", "virtual_machine", "generic", "database"]
    assert found.codes == ["unknown_source_class"]


def test_rows_without_a_class_have_that_of_the_file_also_one_of_ones_own() -> None:
    mapping = """
        fields = { name = "Hostname", ci_class = "Type" }
        options = { ci_class = "handheld" }
    """
    found = Read("Hostname,Type\na,\nb,VM\n", mapping)
    assert [ci.fields["ci_class"] for ci in found.cis] == ["handheld", "virtual_machine"]
    assert not found.problems


def test_the_key_is_that_of_its_column_and_left_out_where_the_cell_is_blank() -> None:
    found = Read("Hostname,S/N,Tag\nweb,1,A-1\ndb,2,n/a\n", with_options('key = "tag"'))
    assert [ci.fields.get("key") for ci in found.cis] == ["A-1", None]


def test_what_a_row_needs_is_split_and_words_for_nothing_are_none() -> None:
    content = 'Hostname,S/N,Depends On\nweb,1,"db, cache; db\nauth"\ndb,2,-\ncache,3,none\n'
    found = Read(content, with_options('depends_on = "depends on"'))
    assert found.links == [
        ("web", "depends_on", "db"),
        ("web", "depends_on", "cache"),
        ("web", "depends_on", "auth"),
    ]
    assert found.kinds == {Kind.CI, Kind.RELATIONSHIP}
    assert "Depends On" not in found.cis[0].attributes


def test_each_depends_on_column_has_its_type_and_separator() -> None:
    mapping = with_options(
        'depends_on = ["Host", "Used By"]',
        'separator = "/"',
        'key = "Tag"',
        "[relationships]",
        '"Host" = { type = "runs_on", dependency = "required" }',
        '"Used By" = { type = "uses", dependent = "to", dependency = "optional" }',
    )
    found = Read(
        "Hostname,S/N,Tag,Host,Used By\nweb,1,T1,hv 1,shop/app, inc\n".replace(
            "shop/app, inc", '"shop/app, inc"'
        ),
        mapping,
    )
    assert found.links == [
        ("T1", "runs_on", "hv 1"),
        ("shop", "uses", "T1"),
        ("app, inc", "uses", "T1"),
    ]
    assert found.relationships[1].fields["dependency"] == "optional"


def test_rows_that_rules_leave_out_take_their_relationships_with_them() -> None:
    mapping = with_options(
        'depends_on = "Needs"', "[ignore]", 'records = [{ field = "S/N", is = ["scrap*"] }]'
    )
    found = Read("Hostname,S/N,Needs\nweb,1,old\nold,Scrap 7,db\ndb,2,\n", mapping)
    assert found.names == ["web", "db"]
    assert (found.links, found.codes) == ([], ["relationship_left_out"])
    assert "1 relationship is" in found.problems[0].message


def test_a_misspelt_column_of_the_mapping_is_named_with_what_is_near() -> None:
    found = Read("Hostnam,S/N\nweb,1\n")
    assert [(each.code, each.severity) for each in found.problems] == [
        ("column_not_found", Severity.ERROR)
    ]
    assert "did you mean 'Hostnam'" in str(found.problems[0].hint)
    found = Read("Hostname,Serial Number\nweb,1\n")
    assert [(each.code, each.severity) for each in found.problems] == [
        ("column_not_found", Severity.WARNING)
    ]
    found = Read("Hostname,S/N\nweb,1\n", with_options('key = "Tag"'))
    assert (found.codes, found.cis) == (["column_not_found"], [])


def test_a_mapping_without_a_class_is_refused_with_the_remedy() -> None:
    found = Read("Hostname\nweb\n", '[fields]\nname = "Hostname"')
    assert found.codes == ["no_class"]
    assert "opsatlas sources map" in str(found.problems[0].hint)


def test_sheets_are_read_together_and_those_without_a_name_left_out() -> None:
    content = workbook(
        {
            "Servers": [["Hostname", "S/N", "Bought"], ["web", 12345.0, True]],
            "More": [["S/N", "Hostname"], ["A2", "db"]],
            "Legend": [["Colour", "Meaning"], ["red", "old"]],
        },
        hidden=["More"],
    )
    found = Read(content)
    assert found.names == ["web", "db"]
    assert found.cis[0].fields["serial_number"] == "12345"
    assert found.cis[0].attributes == {"Bought": "true"}
    assert found.codes == ["sheet_left_out"]
    assert found.cis[1].where.file == "assets [More]"


def test_auto_never_chooses_it_and_says_how_to_go_on() -> None:
    for content in (b"Hostname;Asset\nweb;1\n", "Gerät;Typ\nä;b\n".encode("cp1252")):
        found = choose(InputFile("assets.csv", content))
        assert getattr(found, "code", None) == "unknown_format"
        assert "opsatlas sources map" in str(getattr(found, "hint", ""))


@pytest.mark.parametrize(
    ("file", "cis", "links", "codes"),
    [
        (
            "filialen.csv",
            36,
            33,
            {"read_as_windows_1252", "total_line", "no_ip_address", "scientific_notation"},
        ),
        ("warehouses.xlsx", 18, 3, {"sheet_left_out"}),
    ],
)
def test_the_samples_are_read_by_their_mappings(
    file: str, cis: int, links: int, codes: set[str]
) -> None:
    path = SAMPLES / file
    found = Read(path.read_bytes(), path.with_suffix(".toml").read_text("utf-8"))
    assert (len(found.cis), len(found.links)) == (cis, links)
    assert set(found.codes) == codes
    assert all(each.severity is Severity.WARNING for each in found.problems)


CELLS = st.sampled_from(
    ["", "web", "1,2E+05", "10.0.0.1", "#REF!", "-", "a;b", "Total", "\u0000", '"', "\n", "é" * 300]
) | st.text(st.characters(blacklist_categories=["Cs"]), max_size=5)
HEADERS = st.sampled_from(["Hostname", "S/N", "IP", "name", "ci_class", "key", "", "Needs", "fqdn"])


@settings(max_examples=150, deadline=None)
@given(st.lists(HEADERS, max_size=6), st.lists(st.lists(CELLS, max_size=7), max_size=6))
def test_tables_of_anything_never_raise(header: list[str], rows: list[list[str]]) -> None:
    content = "\n".join(";".join(row) for row in [header, *rows])
    Read(content)
    Read(
        content,
        """
        fields = { name = ["Hostname", "name"], ip_address = "IP", mac_addresses = "S/N" }
        options = { ci_class = "server", key = "S/N", depends_on = ["Needs", "IP"] }
        """,
    )
