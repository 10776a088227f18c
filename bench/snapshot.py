"""The dependency graph beside SQL: build, save, open, follow changes; each with what it costs.

    python -m bench.snapshot --cis 100000 --relationships 500000 [--changes 50] [--json]

A real SQLite database of that size, the cache that the server uses. `visible` is the time from the
end of a commit to an answer that shows it: the look-up of the revision, reading what changed,
bringing it in, one question. Rivals: rustworkx builds its graph (reachability only) from lists in
memory, and opens the pickle of it.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rustworkx as rx
from sqlalchemy import Engine, delete, insert, update
from sqlalchemy.orm import Session

from bench.impact import resident_mb
from bench.topology import Topology, layered
from cmdb.graph import GraphSnapshot, Indices
from cmdb.impact import analyse
from cmdb.models import ConfigurationItem, Dependency, RedundancyGroup, Relationship
from cmdb.saved_graphs import SavedGraphs
from cmdb.snapshots import CI, RELATIONSHIP, GraphCache
from opsatlas import audit, revision
from opsatlas.actor import SYSTEM
from opsatlas.clock import now
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings

_ROWS = 100_000
BULK = 0.01
"""Share of the relationships that the bulk change removes."""


def main() -> None:
    options = _arguments()
    topology = layered(options.cis, options.relationships, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Settings(_env_file=None, data_dir=Path(folder)))
        migrate.upgrade(engine)
        _fill(engine, topology)
        report = _measured(engine, Path(folder), options) | _rivals(Path(folder), topology)
        engine.dispose()
    print(json.dumps(report) if options.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.snapshot")
    parser.add_argument("--cis", type=int, default=100_000)
    parser.add_argument("--relationships", type=int, default=500_000)
    parser.add_argument("--changes", type=int, default=50, help="single changes of each kind")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measured(engine: Engine, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {"cis": options.cis, "relationships": options.relationships}
    saved = SavedGraphs(engine, folder, saved_from=0)
    cache = GraphCache(saved)
    before = resident_mb()
    with reading(engine) as session, _timed(report, "build from SQLite, s"):
        graph = cache.current(session)
    cache.wait()
    report["snapshot, MB"] = round(graph.snapshot.nbytes / 1e6, 1)
    analyse(graph.snapshot, [1])
    report["resident with working arrays, MB"] = round(resident_mb() - before, 1)
    (path,) = folder.glob("*.snapshot")
    path.unlink()
    with _timed(report, "save, s"):
        cache.close()
    report["file, MB"] = round(path.stat().st_blocks * 512 / 1e6, 1)
    again = GraphCache(saved)
    with reading(engine) as session, _timed(report, "open, s"):
        again.current(session)
    del again, graph
    pick = random.Random(options.seed)
    kinds: dict[str, Callable[[Session, random.Random, int], None]] = {
        "added relationship": _add,
        "changed relationship": _change,
        "removed relationship": _remove,
        "new owner": _owner,
        "retired CI": _retire,
    }
    for name, write in kinds.items():
        report[f"visible, ms: {name}"] = _visible(
            engine, cache, lambda session, write=write: write(session, pick, options.cis),  # type: ignore[misc]
            options.changes,
        )  # fmt: skip
    some = range(1, options.relationships, int(1 / BULK))
    report[f"visible, ms: {len(some):,} removed at once"] = _visible(
        engine, cache, lambda session: _remove_many(session, list(some)), 1
    )
    cache.close()
    report["snapshot after it all, MB"] = round(_current(engine, cache).nbytes / 1e6, 1)
    return report


def _visible(
    engine: Engine, cache: GraphCache, write: Callable[[Session], None], times: int
) -> dict[str, float]:
    # A CI that nothing stands on: the question itself costs next to nothing.
    snapshot = _current(engine, cache)
    asked = next(
        int(ci) for ci in snapshot.ids[snapshot.present] if not len(_dependents(snapshot, int(ci)))
    )
    taken = []
    for _ in range(times):
        with transaction(engine) as session:
            write(session)
        started = time.perf_counter()
        analyse(_current(engine, cache), [asked])
        taken.append((time.perf_counter() - started) * 1000)
    return {"p50": round(statistics.median(taken), 2), "max": round(max(taken), 2)}


def _dependents(snapshot: GraphSnapshot, ci: int) -> Indices:
    return snapshot.edges_to_dependents(snapshot.index_of(ci))


def _current(engine: Engine, cache: GraphCache) -> GraphSnapshot:
    with reading(engine) as session:
        return cache.current(session).snapshot


def _add(session: Session, pick: random.Random, cis: int) -> None:
    row = Relationship(
        dependent_id=pick.randint(2, cis), provider_id=pick.randint(2, cis), type="connects_to",
        dependency=Dependency.REQUIRED, group_id=None, version=1, created_at=now(),
        updated_at=now(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    revision.note(session, RELATIONSHIP, [row.id])


def _change(session: Session, pick: random.Random, cis: int) -> None:
    chosen = pick.randint(1, cis)
    session.execute(
        update(Relationship).where(Relationship.id == chosen).values(dependency=Dependency.OPTIONAL)
    )
    revision.note(session, RELATIONSHIP, [chosen])


def _remove(session: Session, pick: random.Random, cis: int) -> None:
    _remove_many(session, [pick.randint(1, cis)])


def _remove_many(session: Session, chosen: list[int]) -> None:
    for start in range(0, len(chosen), 10_000):
        some = chosen[start : start + 10_000]
        session.execute(delete(Relationship).where(Relationship.id.in_(some)))
    revision.note(session, RELATIONSHIP, chosen, most=revision.NAMED_IN_A_LOAD)


def _owner(session: Session, pick: random.Random, cis: int) -> None:
    _set(session, pick.randint(2, cis), owner="Web team")


def _retire(session: Session, pick: random.Random, cis: int) -> None:
    _set(session, pick.randint(cis // 2, cis), status="retired")


def _set(session: Session, ci_id: int, **values: str) -> None:
    row = update(ConfigurationItem).where(ConfigurationItem.id == ci_id)
    session.execute(row.values(**values))
    revision.note(session, CI, [ci_id])


def _rivals(folder: Path, topology: Topology) -> dict[str, Any]:
    report: dict[str, Any] = {}
    columns = topology.relationships
    edges = list(zip(columns.provider_id.tolist(), columns.dependent_id.tolist(), strict=True))
    with _timed(report, "rustworkx: build from memory, s"):
        graph = rx.PyDiGraph()
        graph.add_nodes_from([None] * (len(topology.ci_ids) + 1))
        graph.add_edges_from_no_data(edges)
    path = folder / "rustworkx.pickle"
    with _timed(report, "rustworkx: pickle, s"):
        path.write_bytes(pickle.dumps(graph))
    with _timed(report, "rustworkx: open the pickle, s"):
        pickle.loads(path.read_bytes())
    return report


@contextmanager
def _timed(report: dict[str, Any], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    report[name] = round(time.perf_counter() - started, 3)


def _table(report: dict[str, Any]) -> str:
    return "\n".join(
        f"{name:<44}"
        + (
            ", ".join(f"{k} {v:,}" for k, v in each.items())
            if isinstance(each, dict)
            else f"{each:,}"
        )
        for name, each in report.items()
    )


def _fill(engine: Engine, topology: Topology) -> None:
    at = now()
    common = {"version": 1, "created_at": at, "updated_at": at}
    services = set(np.arange(0, len(topology.ci_ids), 10).tolist())
    with transaction(engine) as session:
        for some in _parts(topology.ci_ids.tolist()):
            rows = [
                {
                    "id": each,
                    "name": f"ci-{each}",
                    "folded_name": f"ci-{each}",
                    "ci_class": "technical_service" if each in services else "server",
                    "status": "active",
                    "attributes": {},
                    **common,
                }
                for each in some
            ]
            session.execute(insert(ConfigurationItem), rows)
        groups = zip(
            (topology.groups.group_id + 1).tolist(),
            topology.groups.dependent_id.tolist(),
            topology.groups.min_up_count.tolist(),
            strict=True,
        )
        for some in _parts(list(groups)):
            rows = [
                {
                    "id": group,
                    "dependent_id": dependent,
                    "name": f"group-{group}",
                    "min_up": count if count > 0 else 50,
                    "min_up_is_percent": count < 0,
                }
                for group, dependent, count in some
            ]
            session.execute(insert(RedundancyGroup), rows)
        for some in _parts(_relationship_rows(topology)):
            rows = [
                {
                    "id": number,
                    "dependent_id": dependent,
                    "provider_id": provider,
                    "type": "depends_on",
                    "dependency": Dependency.OPTIONAL if optional else Dependency.REQUIRED,
                    "group_id": group + 1 if group >= 0 else None,
                    **common,
                }
                for number, dependent, provider, optional, group in some
            ]
            session.execute(insert(Relationship), rows)
        revision.note(session, CI, [1])
        audit.record(session, SYSTEM, [audit.Write("create", "ci", 1, None, {"name": "ci-1"})])


def _relationship_rows(topology: Topology) -> list[tuple[int, ...]]:
    """Each pair once, as the database wants it."""
    columns = topology.relationships
    table = np.column_stack(
        [columns.dependent_id, columns.provider_id, columns.group_id, columns.relationship_id,
         columns.optional]
    )  # fmt: skip
    table = table[table[:, 0] != table[:, 1]]
    _, first = np.unique(table[:, :3], axis=0, return_index=True)
    rows = table[np.sort(first)]
    return list(map(tuple, rows[np.argsort(rows[:, 3])][:, [3, 0, 1, 4, 2]].tolist()))


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]


if __name__ == "__main__":
    main()
