"""The inventory as native CSV: what is written loads again as it was."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cmdb.export import export_inventory
from cmdb.export_csv import inventory_files, zipped
from cmdb.importers.formula_cells import escaped, unescaped
from cmdb.importers.records import InputFile
from cmdb.items import create_cis
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.schemas import CIIn
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import empty, load_texts

Inventory = dict[str, list[dict[str, Any]]]

ODD = st.sampled_from(
    [
        *("=1+1", "+49 30", "-x", "@me", "'", "'x", "'=x", "''-", "＝１", "' =", "=x:json"),
        *("a,b", 'say "hi"', "a;b|c\td", "4", "true", "null", "1.5", "[]", "{}", "N/A"),
        *("x" * 200, "sep=;", "#x", "\ufeffx", "a\u2028b", "0123", "1e5", "Zoë", "日本"),
    ]
)  # fmt: skip
LINES = st.sampled_from(["a\nb", "a\r\nb", "=a\rb", "a\tb", "'\n=1"])
TEXTS = ODD | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
NAMES = st.sampled_from(
    [
        *("colour", "Rack Unit", "rack_unit", "RACK-UNIT", "Owner", "name", "attributes", "_", "x"),
        *("x:json", "=a", "'=a", "dependent", "type", "min_up", "ownr", "attributes:json", ":json"),
        *("sys_id", "a,b", 'q"q', "é", "-x:JSON"),
    ]
)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | TEXTS
    | LINES
    | st.just("")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner | st.none(), max_size=3) | st.dictionaries(NAMES, inner, max_size=2)
    ),
    max_leaves=5,
)
SAID = {
    "status": st.sampled_from(["active", "retired", "planned"]),
    "environment": TEXTS,
    "criticality": st.integers(1, 4),
    "owner": TEXTS,
    "support_group": TEXTS,
    "ip_address": st.ip_addresses().map(str),
    "fqdn": st.sampled_from(["a.example.org", "*.b.example.org"]),
    "serial_number": TEXTS,
    "attributes": st.dictionaries(NAMES, VALUES, max_size=4),
}
NAMED = {"name": st.just("twin") | TEXTS}
CLASSES = st.sampled_from(["server", "database", "business_service"])
GROUPS = st.sampled_from(["g", "=g", "'h"])


@st.composite
def loads(draw: st.DrawFn) -> Inventory:
    """Files as a source may send them; names may be those of several CIs."""
    keys = draw(
        st.lists(st.sampled_from(["k", "K", "=k", "'k", "7"]) | TEXTS, max_size=5, unique=True)
    )
    cis = [
        {
            "key": key,
            "ci_class": draw(CLASSES),
            **draw(st.fixed_dictionaries(NAMED, optional=SAID)),
        }
        for key in keys
    ]
    pairs = st.tuples(
        st.sampled_from(keys or [""]), st.sampled_from(keys or [""]), GROUPS | st.none()
    )
    edges = []
    for dependent, provider, group in draw(st.lists(pairs, max_size=6)):
        edge: dict[str, Any] = {"dependent": dependent, "provider": provider}
        edge |= draw(st.fixed_dictionaries({}, optional={"dependency": st.just("optional")}))
        edge |= draw(st.fixed_dictionaries({}, optional={"type": st.just("uses")}))
        if group is not None:
            edge |= {"redundancy_group": group, "min_up": draw(st.sampled_from([1, 2, "67%"]))}
        edges.append(edge)
    return {"configuration_items": cis, "relationships": edges}


def filled(engine: Engine, *inventories: Inventory) -> Inventory:
    """What is there once each source has sent its own; bad rows are left out."""
    empty(engine)
    for number, inventory in enumerate(inventories):
        file = InputFile("inventory.json", json.dumps(inventory).encode())
        options = LoadOptions(source=f"source-{number}", partial=True)
        with transaction(engine) as session:
            load(session, [file], options, SYSTEM, LoadLimits())
    return exported(engine)


def exported(engine: Engine) -> Inventory:
    with reading(engine) as session:
        return export_inventory(session)


def tables(inventory: Inventory) -> dict[str, bytes]:
    return {name: "".join(lines).encode() for name, lines in inventory_files(inventory).items()}


def reloaded(engine: Engine, files: dict[str, bytes]) -> Inventory:
    """What an empty database holds once these files are loaded."""
    empty(engine)
    with transaction(engine) as session:
        inputs = [InputFile(*each) for each in files.items()]
        report = load(session, inputs, LoadOptions(), SYSTEM, LoadLimits())
    assert (report.state, report.problems) == ("done", [])
    assert report.source == "native"
    return exported(engine)


def in_order(inventory: Inventory) -> Inventory:
    return {
        kind: sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
        for kind, rows in inventory.items()
    }


AWKWARD: Inventory = {
    "configuration_items": [
        {
            "key": "=k",
            "name": "'=x",
            "ci_class": "server",
            "attributes": {
                "colour": "'-red",
                "x": -5,
                "Rack Unit": "4",
                "rack_unit": 4,
                "Owner": "me",
                "attributes": "a",
                "=a": "=b",
                "x:json": "[]",
                "note": "a\r\nb",
                "empty": "",
                "deep": {"=": [None, "'=", 1.5, True]},
            },
        },
        {"key": "7", "name": "twin", "ci_class": "server"},
        {"key": "8", "name": "twin", "ci_class": "server", "status": "retired"},
    ],
    "relationships": [
        {"dependent": "7", "provider": each, "redundancy_group": "=g", "min_up": "67%"}
        for each in ("=k", "8")
    ],
}  # fmt: skip
PLAIN = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@PLAIN
@example(sources=[AWKWARD, AWKWARD])
@given(sources=st.lists(loads(), min_size=1, max_size=2))
def test_any_inventory_comes_back_as_it_was_and_exports_to_the_same_bytes(
    sqlite_engine: Engine, sources: list[Inventory]
) -> None:
    first = filled(sqlite_engine, *sources)
    files = tables(first)
    again = reloaded(sqlite_engine, files)
    assert in_order(again) == in_order(first)
    assert tables(again) == files


def test_an_awkward_inventory_comes_back_on_both_databases(engine: Engine) -> None:
    first = filled(
        engine, AWKWARD, {"configuration_items": [{"key": "7", "name": "z", "ci_class": "rack"}]}
    )
    assert len(first["configuration_items"]) == 4
    again = reloaded(engine, {"export.zip": zipped(inventory_files(first))})
    assert in_order(again) == in_order(first)


@given(text=ODD | st.text("'=+-@\t\r\n a", max_size=6))
def test_an_escape_is_taken_away_again_and_nothing_else(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(tuple("\t\r\n"))
    assert not escaped(text).lstrip().startswith(tuple("=+-@"))


def test_no_cell_of_an_export_starts_a_formula(sqlite_engine: Engine) -> None:
    for content in tables(filled(sqlite_engine, AWKWARD)).values():
        for row in csv.reader(io.StringIO(content.decode(), newline="")):
            assert not [cell for cell in row if cell.startswith(tuple("=+-@\t\r＝＋－＠"))]


def test_texts_and_typed_values_have_columns_of_their_own(sqlite_engine: Engine) -> None:
    attributes = {"tier": "gold", "cores": 4, "Owner": "x"}
    cis = [{"name": "web", "ci_class": "server", "attributes": attributes}]
    first = filled(sqlite_engine, {"configuration_items": cis, "relationships": []})
    header, row = csv.reader(io.StringIO(tables(first)["configuration_items.csv"].decode()))
    cells = dict(zip(header, row, strict=True))
    assert header[11:] == ["cores:json", "tier", "attributes:json"]
    assert [cells[name] for name in header[11:]] == ["4", "gold", '{"Owner":"x"}']


def test_the_order_in_which_an_inventory_came_does_not_show(sqlite_engine: Engine) -> None:
    backwards = {kind: rows[::-1] for kind, rows in AWKWARD.items()}
    assert tables(filled(sqlite_engine, AWKWARD)) == tables(filled(sqlite_engine, backwards))


def test_rare_attributes_of_a_wide_inventory_share_a_column(sqlite_engine: Engine) -> None:
    wide = [
        {"name": f"ci-{row}", "ci_class": "server", "attributes": {f"a{row}": "x", "common": "y"}}
        for row in range(250)
    ]
    first = filled(sqlite_engine, {"configuration_items": wide, "relationships": []})
    files = tables(first)
    header = next(csv.reader(io.StringIO(files["configuration_items.csv"].decode())))
    assert len(header) == 11 + 200 + 1
    assert tables(reloaded(sqlite_engine, files)) == files


def test_a_limit_above_the_members_that_are_left_loads_again(sqlite_engine: Engine) -> None:
    cis = "name,ci_class\na,server\nb,server\nc,server\n"
    group = "dependent,provider,redundancy_group,min_up\na,b,g,2\na,c,g,2\n"
    load_texts(sqlite_engine, cis, group, source="s")
    fewer = "dependent,provider,redundancy_group\na,b,g\n"
    load_texts(sqlite_engine, fewer, source="s", missing="retire")
    (left,) = reloaded(sqlite_engine, tables(exported(sqlite_engine)))["relationships"]
    assert left["min_up"] == "1"


def test_cis_that_people_wrote_are_exported_too(sqlite_engine: Engine) -> None:
    with transaction(sqlite_engine) as session:
        create_cis(session, [CIIn(name="-x", ci_class="server", attributes={"n": 1.0})], SYSTEM)
    first = exported(sqlite_engine)
    assert in_order(reloaded(sqlite_engine, tables(first))) == in_order(first)


@pytest.mark.parametrize(
    ("header", "cell", "said"),
    [
        ("cores:json", "{", "Expecting property name"),
        ("cores:json", "NaN", "not a number"),
        ("cores:json", "1" * 30, "not an integer of 64 bits"),
        ("cores:json", '"{""a"":1,""a"":2}"', "'a' is there twice"),
        ("cores:json", "[" * 100_000, "nested deeper"),
        ("attributes:json", "4", "must be an object"),
        ("attributes:json,tier", '"{""tier"":""gold""}",silver', "'tier' is said twice"),
    ],
)  # fmt: skip
def test_a_cell_that_is_no_json_is_told_with_its_place_but_not_its_value(
    sqlite_engine: Engine, header: str, cell: str, said: str
) -> None:
    report = load_texts(sqlite_engine, f"name,ci_class,{header}\nweb,server,{cell}\n")
    (problem,) = report.problems
    assert (problem.code, problem.row, problem.value) == ("invalid_json", 2, None)
    assert said in problem.message
    assert str(problem.column).endswith(":json")


def test_a_field_is_not_written_as_json(sqlite_engine: Engine) -> None:
    report = load_texts(sqlite_engine, "name,ci_class,owner:json\nweb,server,1\n")
    assert [(each.code, each.hint) for each in report.problems] == [
        ("unknown_column", "call the column 'owner'")
    ]


def test_secrets_in_cells_of_json_are_left_out(sqlite_engine: Engine) -> None:
    report = load_texts(
        sqlite_engine, 'name,ci_class,a:json\nweb,server,"{""password"":""hunter2""}"\n'
    )
    assert [each.code for each in report.problems] == ["secrets_left_out"]
