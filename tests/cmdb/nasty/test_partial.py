"""Of a file with bad rows all the others are loaded: the same as from a file without the bad."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cmdb.importers.records import InputFile
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.schemas import ImportReport
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import transaction
from tests.cmdb.inventories import contents, empty

BAD: list[dict[str, Any]] = [
    {"name": "", "ci_class": "server"},
    {"name": "bad", "ci_class": "srever"},
    {"name": "bad", "ci_class": "server", "criticality": "9"},
    {"name": "bad", "ci_class": "server", "ip_address": "10.0.0.300"},
    {"name": "b\x00d", "ci_class": "server"},
    {"name": "x" * 300, "ci_class": "server"},
    {"name": "bad", "ci_class": "server", "status": "half"},
]
ROWS = st.lists(st.sampled_from([None, None, *range(len(BAD))]), max_size=12)
COLUMNS = ("name", "ci_class", "criticality", "ip_address", "status")


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(row.get(column, "") for column in COLUMNS) for row in rows]
    return "\n".join([",".join(COLUMNS), *lines, ""]).encode()


def as_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"configuration_items": rows}).encode()


def loaded(engine: Engine, name: str, content: bytes) -> ImportReport:
    options = LoadOptions(source="s", partial=True)
    with transaction(engine) as session:
        return load(session, [InputFile(name, content)], options, SYSTEM, LoadLimits())


@given(chosen=ROWS, writes=st.sampled_from([("a.csv", as_csv), ("a.json", as_json)]))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_all_rows_but_the_bad_ones_are_loaded(
    sqlite_engine: Engine, chosen: list[int | None], writes: Any
) -> None:
    name, write = writes
    rows = [
        {"name": f"good-{at}", "ci_class": "server"} if bad is None else BAD[bad]
        for at, bad in enumerate(chosen)
    ]
    good = [row for row, bad in zip(rows, chosen, strict=True) if bad is None]
    empty(sqlite_engine)
    report = loaded(sqlite_engine, name, write(rows))
    found = contents(sqlite_engine)
    assert report.state == "done"
    assert report.configuration_items.created == len(good)
    assert report.configuration_items.rejected == len(rows) - len(good)
    errors = [each for each in report.problems if each.severity == "error"]
    if name == "a.csv":
        said = {each.row for each in errors}
        assert said == {at + 2 for at, bad in enumerate(chosen) if bad is not None}
    else:
        said_at = {(each.pointer or "").split("/")[2] for each in errors}
        assert said_at == {str(at) for at, bad in enumerate(chosen) if bad is not None}
    empty(sqlite_engine)
    loaded(sqlite_engine, name, write(good))
    assert contents(sqlite_engine) == found
