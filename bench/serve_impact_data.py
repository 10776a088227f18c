"""The database that `bench.serve_impact` asks: the seeded topology, inserted in bulk."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from bench.serve import opsatlas
from bench.topology import Topology, layered

_CLASSES = ("power", "hypervisor", "virtual_machine", "container", "application")
_SERVICES = 0.10
"""Share of CIs that are services: those on which the fewest others stand."""
_WHEN = "2026-01-01 00:00:00.000000"


def make_database(environment: dict[str, str], folder: Path, cis: int, relationships: int) -> Path:
    """The database in `folder`, made unless it is there; its CIs are `host-0000001` and so on."""
    database = folder / "opsatlas.db"
    opsatlas(environment, "db", "upgrade", "--json")
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT count(*) FROM relationship").fetchone()[0]
        if not found:
            connection.execute("PRAGMA synchronous = OFF")
            _fill(connection, layered(cis, relationships))
            connection.execute("UPDATE revision_counter SET newest = newest + 1")
            connection.execute("UPDATE revision_counter SET dropped_up_to = newest")
            connection.commit()
            connection.execute("ANALYZE")
        elif connection.execute("SELECT count(*) FROM configuration_item").fetchone()[0] != cis:
            raise SystemExit(f"{folder} holds a database of another size")
    return database


def _fill(connection: sqlite3.Connection, topology: Topology) -> None:
    connection.executemany(
        "INSERT INTO configuration_item (id, name, folded_name, ci_class, status, criticality,"
        " owner, support_group, attributes, version, created_at, updated_at)"
        f" VALUES (?, ?, ?, ?, 'active', ?, ?, ?, '{{}}', 1, '{_WHEN}', '{_WHEN}')",
        _cis(topology),
    )
    groups = topology.groups
    by_percent = groups.min_up_percent > 0
    connection.executemany(
        "INSERT INTO redundancy_group (id, dependent_id, name, min_up, min_up_is_percent)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            (group + 1, dependent, f"group-{group}", 50 if percent else count, percent)
            for group, dependent, count, percent in zip(
                groups.group_id.tolist(),
                groups.dependent_id.tolist(),
                groups.min_up_count.tolist(),
                by_percent.tolist(),
                strict=True,
            )
        ),
    )
    edges = topology.relationships
    connection.executemany(
        "INSERT OR IGNORE INTO relationship (id, dependent_id, provider_id, type, dependency,"
        f" group_id, version, created_at, updated_at) VALUES (?, ?, ?, 'depends_on', ?, ?, 1,"
        f" '{_WHEN}', '{_WHEN}')",
        (
            (each, dependent, provider, "optional" if soft else "required", group + 1 or None)
            for each, dependent, provider, soft, group in zip(
                edges.relationship_id.tolist(),
                edges.dependent_id.tolist(),
                edges.provider_id.tolist(),
                edges.optional.tolist(),
                edges.group_id.tolist(),
                strict=True,
            )
            if dependent != provider
        ),
    )


def _cis(topology: Topology) -> Iterator[tuple[int | str, ...]]:
    ids = topology.ci_ids
    dependents = np.bincount(topology.relationships.provider_id, minlength=len(ids) + 1)[ids]
    services = np.zeros(len(ids) + 1, np.bool_)
    services[ids[np.argsort(dependents, kind="stable")[: int(len(ids) * _SERVICES)]]] = True
    for ci in ids.tolist():
        name = f"host-{ci:07}"
        team = f"team-{ci % 40}"
        ci_class = "business_service" if services[ci] else _CLASSES[ci % len(_CLASSES)]
        yield ci, name, name, ci_class, ci % 4 + 1, team, f"{team}-oncall"


def reload_file(database: Path, count: int) -> tuple[bytes, int]:
    """A native CSV of so many relationships, each changed from required to optional or back."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT d.name, p.name, r.dependency FROM relationship r"
            " JOIN configuration_item d ON d.id = r.dependent_id"
            " JOIN configuration_item p ON p.id = r.provider_id"
            " WHERE r.group_id IS NULL AND r.id % 100 = 7 LIMIT ?",
            (count,),
        ).fetchall()
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["dependent", "provider", "type", "dependency"])
    changed = {"required": "optional", "optional": "required"}
    writer.writerows([one, other, "depends_on", changed[kind]] for one, other, kind in rows)
    return file.getvalue().encode(), len(rows)
