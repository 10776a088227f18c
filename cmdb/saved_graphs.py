"""Graphs kept in the data folder between two runs, and how we know that one is of this database."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cmdb.graph_file import BadSnapshotError, SavedGraph, opened, save, saved_revision
from opsatlas import revision
from opsatlas.db.transaction import reading
from opsatlas.errors import OpsAtlasError
from opsatlas.lineage import descends_from, lineage_name, newest_known
from opsatlas.logs import log

SAVED_FROM = 50_000
"""CIs and edges from which a graph is worth a file: a smaller one is built as fast as it opens."""

_KNOWN = "known_entry"


class SavedGraphs:
    """Files of one folder, one for each database that is used with it.

    A file is told by the audit trail (`opsatlas.lineage`). A database without any entry has none.
    """

    def __init__(self, engine: Engine, folder: Path, saved_from: int = SAVED_FROM) -> None:
        self._engine = engine
        self._folder = folder
        self._saved_from = saved_from

    def opened(self, session: Session) -> SavedGraph | None:
        """The graph in the file of this database; None where there is none, or no sound one."""
        started = time.perf_counter()
        path = self._path(session)
        if path is None:
            return None
        try:
            saved = opened(path)
            if saved is None:
                return None
            self._check(session, saved)
        except BadSnapshotError as error:
            log.warning("saved_graph_refused", path=str(path), reason=str(error))
            with suppress(OSError):
                path.unlink()  # else it would stand in the way of the next, by its revision
            return None
        took = round((time.perf_counter() - started) * 1000, 1)
        log.info("saved_graph_opened", path=str(path), revision=saved.revision, took_ms=took)
        return saved

    def save(self, graph: SavedGraph) -> bool:
        """Write the graph to the file of its database, unless that holds it or a newer one.

        Whether it did. A failure to write is logged: the file is only there for the next start.
        """
        layout = graph.snapshot.layout
        if graph.snapshot.size + len(layout.dependent) < self._saved_from:
            return False
        try:
            with reading(self._engine) as session:
                path, known = self._path(session), newest_known(session)
                now = revision.newest(session)
            if path is None:
                return False
            before = saved_revision(path)
            if before is not None and graph.revision <= before <= now:
                return False
            graph.facts[_KNOWN] = known
            size = save(path, graph)
        except (OSError, OpsAtlasError) as error:
            log.warning("graph_not_saved", folder=str(self._folder), reason=str(error))
            return False
        log.debug("graph_saved", path=str(path), revision=graph.revision, bytes=size)
        return True

    def _path(self, session: Session) -> Path | None:
        name = lineage_name(session)
        return None if name is None else self._folder / f"graph-{name}.snapshot"

    def _check(self, session: Session, saved: SavedGraph) -> None:
        newest = revision.newest(session)
        if saved.revision > newest:
            raise BadSnapshotError(
                f"it is of revision {saved.revision}, the database of {newest}: an older backup"
            )
        if not descends_from(session, saved.facts.get(_KNOWN)):
            raise BadSnapshotError("it is of a database with another history")
