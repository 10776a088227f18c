"""A graph saved to a file answers as it did, and a file that is not sound is not used."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from cmdb.graph_file import BadSnapshotError, SavedGraph, opened, save
from cmdb.impact import State, analyse
from cmdb.saved_graphs import SavedGraphs
from cmdb.snapshots import DependencyGraph, GraphCache
from opsatlas import audit
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.builders import graph
from tests.cmdb.rows import put_ci, put_relationship


def wrote(engine: Engine, name: str, provider: int | None = None) -> int:
    """A CI, audited as every write is, and what it depends on."""
    with transaction(engine) as session:
        ci = put_ci(session, name)
        audit.record(session, SYSTEM, [audit.Write("create", "ci", ci, None, {"name": name})])
        if provider is not None:
            put_relationship(session, ci, provider)
    return ci


def asked(engine: Engine, cache: GraphCache) -> DependencyGraph:
    with reading(engine) as session:
        return cache.current(session)


def cache_of(engine: Engine, folder: Path) -> GraphCache:
    return GraphCache(SavedGraphs(engine, folder, saved_from=0))


def names(events: Sequence[Mapping[str, object]]) -> list[object]:
    return [each["event"] for each in events]


def test_a_saved_graph_is_opened_at_the_next_start_and_follows_what_came_since(
    engine: Engine, tmp_path: Path
) -> None:
    db = wrote(engine, "db")
    web = wrote(engine, "web", db)
    first = cache_of(engine, tmp_path)
    asked(engine, first)
    shop = wrote(engine, "shop", web)
    asked(engine, first)  # with a row in the room of the layout
    first.close()
    late = wrote(engine, "late", shop)
    with capture_logs() as events:
        found = asked(engine, cache_of(engine, tmp_path))
    assert names(events) == ["saved_graph_opened"]
    assert analyse(found.snapshot, [db]).ids.tolist() == [db, web, shop, late]


@pytest.mark.parametrize("place", [3, 40, 4096 + 2, -1], ids=["head", "text", "array", "end"])
def test_a_file_with_one_wrong_byte_is_noticed_and_built_anew(
    sqlite_engine: Engine, tmp_path: Path, place: int
) -> None:
    db = wrote(sqlite_engine, "db")
    web = wrote(sqlite_engine, "web", db)
    cache = cache_of(sqlite_engine, tmp_path)
    asked(sqlite_engine, cache)
    cache.close()
    (path,) = tmp_path.glob("*.snapshot")
    content = bytearray(path.read_bytes())
    if place < 0:
        del content[-4096:]
    else:
        content[place] ^= 1
    path.write_bytes(content)
    again = cache_of(sqlite_engine, tmp_path)
    with capture_logs() as events:
        found = asked(sqlite_engine, again)
    assert "saved_graph_refused" in names(events)
    assert analyse(found.snapshot, [db]).state_of(web) == State.DOWN
    again.close()
    assert opened(path) is not None, "and the next start has a sound one"


def test_every_byte_that_counts_is_checked(tmp_path: Path) -> None:
    snapshot = graph("web -> {a b}/1 -> db, shop -> web?").snapshot
    path = tmp_path / "graph"
    save(path, SavedGraph(snapshot, np.array([100]), 1, {}))
    whole = path.read_bytes()
    expected = analyse(snapshot, [103]).ids.tolist()
    for place in range(0, len(whole), 61):
        changed = bytearray(whole)
        changed[place] ^= 255
        path.write_bytes(changed)
        try:
            found = opened(path)
        except BadSnapshotError:
            continue
        assert found is not None  # the byte lies between two arrays, or in the room behind one
        assert analyse(found.snapshot, [103]).ids.tolist() == expected


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"x", b"PK\x03\x04" * 5000, b"OPSATLAS GRAPH 9" + bytes(100)):
        path = tmp_path / "graph"
        path.write_bytes(content)
        with pytest.raises(BadSnapshotError):
            opened(path)


def test_a_database_that_was_put_back_to_an_earlier_day_does_not_open_a_later_graph(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    """A backup is restored, and then others write: the file knows what never happened here."""
    db = wrote(sqlite_engine, "db")
    cache = cache_of(sqlite_engine, tmp_path)
    before = tmp_path / "before.db"
    with closing(sqlite3.connect(str(sqlite_engine.url.database))) as connection:
        connection.execute("VACUUM INTO ?", (str(before),))
    web = wrote(sqlite_engine, "web", db)
    asked(sqlite_engine, cache)
    cache.close()
    (path,) = tmp_path.glob("*.snapshot")
    file = path.read_bytes()
    _restore(sqlite_engine, before)
    with capture_logs() as events:
        cache = cache_of(sqlite_engine, tmp_path)
        found = asked(sqlite_engine, cache)
    assert "saved_graph_refused" in names(events)
    assert not found.snapshot.has(web)
    for name in ("other", "another", "third"):
        wrote(sqlite_engine, name)  # now the revisions are as high as the file's again
    cache.close()
    path.write_bytes(file)
    with capture_logs() as events:
        found = asked(sqlite_engine, cache_of(sqlite_engine, tmp_path))
    assert "another history" in str([each.get("reason") for each in events])
    assert analyse(found.snapshot, [db]).ids.tolist() == [db]


def _restore(engine: Engine, backup: Path) -> None:
    path = Path(str(engine.url.database))
    engine.dispose()
    for each in path.parent.glob(path.name + "*"):
        each.unlink()
    path.write_bytes(backup.read_bytes())


def test_two_databases_in_one_folder_have_a_file_each(
    sqlite_engine: Engine, postgres_engine: Engine, tmp_path: Path
) -> None:
    for engine in (sqlite_engine, postgres_engine):
        wrote(engine, "db")
        cache = cache_of(engine, tmp_path)
        asked(engine, cache)
        cache.close()
    assert len(list(tmp_path.glob("*.snapshot"))) == 2


def test_an_older_graph_does_not_replace_the_file_of_a_newer(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    db = wrote(sqlite_engine, "db")
    slow, quick = cache_of(sqlite_engine, tmp_path), cache_of(sqlite_engine, tmp_path)
    asked(sqlite_engine, slow)
    slow.wait()
    web = wrote(sqlite_engine, "web", db)
    asked(sqlite_engine, quick)
    quick.close()
    slow.close()
    (path,) = tmp_path.glob("*.snapshot")
    found = opened(path)
    assert found is not None
    assert found.snapshot.has(web)


def test_a_folder_that_cannot_be_written_costs_a_log_line_and_nothing_else(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    wrote(sqlite_engine, "db")
    folder = tmp_path / "a file"
    folder.write_text("in the way")
    cache = cache_of(sqlite_engine, folder)
    with capture_logs() as events:
        asked(sqlite_engine, cache)
        cache.close()
    assert "graph_not_saved" in names(events)


def test_a_small_graph_is_not_saved(sqlite_engine: Engine, tmp_path: Path) -> None:
    wrote(sqlite_engine, "db")
    cache = GraphCache(SavedGraphs(sqlite_engine, tmp_path))
    asked(sqlite_engine, cache)
    cache.close()
    assert list(tmp_path.glob("*.snapshot")) == []


def test_what_is_written_to_the_room_of_an_opened_graph_does_not_reach_its_file(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    db = wrote(sqlite_engine, "db")
    cache = cache_of(sqlite_engine, tmp_path)
    asked(sqlite_engine, cache)
    cache.close()
    (path,) = tmp_path.glob("*.snapshot")
    content = path.read_bytes()
    again = cache_of(sqlite_engine, tmp_path)
    asked(sqlite_engine, again)
    web = wrote(sqlite_engine, "web", db)
    assert analyse(asked(sqlite_engine, again).snapshot, [db]).state_of(web) == State.DOWN
    assert path.read_bytes() == content
