"""A load tells how far it is, phase by phase, and what it tells is so."""

from __future__ import annotations

from sqlalchemy import Engine

from cmdb.importers.records import InputFile
from cmdb.load import load_parsed, parse
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.load_progress import Phase
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import transaction

Told = list[tuple[Phase, int, int | None]]
CIS, RELATIONSHIPS = 6_000, 5_999


def load(engine: Engine, *texts: str) -> Told:
    told: Told = []

    def tell(phase: Phase, done: int, total: int | None) -> None:
        told.append((phase, done, total))

    files = [InputFile(f"{number}.csv", text.encode()) for number, text in enumerate(texts)]
    parsed = parse(files, LoadOptions(), LoadLimits(), tell)
    with transaction(engine) as session:
        load_parsed(session, parsed, LoadOptions(), SYSTEM, LoadLimits(), progress=tell)
    return told


def texts(*more: str) -> tuple[str, str]:
    items = "".join(f"s{n},server\n" for n in range(CIS))
    pairs = "".join(f"s{n},s{n + 1},depends_on\n" for n in range(RELATIONSHIPS))
    head = "dependent,provider,type\n"
    return f"name,ci_class\n{items}{''.join(more)}", f"{head}{pairs}"


def test_rows_are_counted_as_they_are_read_compared_and_written(sqlite_engine: Engine) -> None:
    told = load(sqlite_engine, *texts())
    assert list(dict.fromkeys(phase for phase, _, _ in told)) == list(Phase)
    reading = [done for phase, done, _ in told if phase is Phase.READING]
    assert reading == sorted(reading)
    assert reading[:5] == [1_000, 2_000, 3_000, 4_000, 5_000]
    rows = CIS + RELATIONSHIPS
    assert [each for each in told if each[0] is Phase.COMPARING] == [
        (Phase.COMPARING, 0, rows), (Phase.COMPARING, rows, rows)
    ]  # fmt: skip
    writing = [each for each in told if each[0] is Phase.WRITING]
    assert {total for _, _, total in writing} == {rows}
    assert [done for _, done, _ in writing] == [0, 5_000, 6_000, 11_000, rows]


def test_what_is_refused_is_never_said_to_be_written(sqlite_engine: Engine) -> None:
    told = load(sqlite_engine, *texts("x,no_such_class\n"))
    assert {phase for phase, _, _ in told} == {Phase.READING, Phase.COMPARING}


def test_a_reload_that_changes_nothing_writes_nothing(sqlite_engine: Engine) -> None:
    load(sqlite_engine, *texts())
    assert load(sqlite_engine, *texts())[-1] == (Phase.WRITING, 0, 0)


def test_the_writing_of_changes_reaches_its_total(sqlite_engine: Engine) -> None:
    load(sqlite_engine, "name,ci_class,owner\na,server,x\nb,server,x\n")
    told = load(sqlite_engine, "name,ci_class,owner\na,server,y\nb,server,x\nc,server,z\n")
    assert told[-1] == (Phase.WRITING, 2, 2)
