"""The dependency graph in memory, in step with SQL by revision; it can be thrown away any time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot, Ids
from cmdb.graph_delta import GraphChange, changed, laid_out_anew
from cmdb.graph_file import SavedGraph
from cmdb.graph_sql import built, carrying_types, read_change, read_cis, services
from cmdb.kept_names import KeptNames
from cmdb.moments import Moment, Moments
from cmdb.past_graph import build_past
from cmdb.saved_graphs import SavedGraphs
from cmdb.walks import compile_walk
from opsatlas import revision
from opsatlas.db.engine import WRITES
from opsatlas.logs import log

CI, RELATIONSHIP, RELATIONSHIP_TYPE, CI_CLASS = (
    "ci",
    "relationship",
    "relationship_type",
    "ci_class",
)
"""Kinds in the change table that this cache listens to."""

COMPACT_AT = 2_000
"""CIs with moved rows above which everything is laid out again in the background."""

_GRAPH = "graph"
_CARRYING = "carrying"
_KEPT = 4
"""Graphs of earlier revisions that are kept, for readers that began a moment ago."""


@dataclass(frozen=True, eq=False)
class DependencyGraph:
    """The snapshot at one revision, and which of its CIs are services."""

    snapshot: GraphSnapshot
    service_ids: Ids
    """(s,) ids of the services among the CIs, ascending."""
    revision: int
    """Revision of the database that this graph shows; the snapshot itself may be older."""
    carrying: frozenset[str] = frozenset()
    """Relationship types along which failure travels in it."""

    def services_among(self, ids: Ids) -> Ids:
        """Those of `ids` (each once) that are services, ascending."""
        if not len(self.service_ids):
            return self.service_ids
        at = np.searchsorted(self.service_ids, ids).clip(max=len(self.service_ids) - 1)
        return np.sort(ids[self.service_ids[at] == ids])


@dataclass(frozen=True, eq=False)
class PastGraph:
    """The graph of a past moment, and the names of its redundancy groups by id."""

    graph: DependencyGraph
    group_names: dict[int, str]


class GraphCache:
    """Hands out the graph at the newest revision. Any number of threads may ask at once.

    Changes are brought in one after the other; whoever asks for a revision that is here waits for
    nobody. With `saved` graphs are kept in files, for the next start.
    """

    compile_from: int | None = None
    """CIs from which on a graph has the compiled walk made, in the background."""
    compile_delay = 0.0
    """Seconds until that begins: for most of one nobody else would get to run."""

    def __init__(self, saved: SavedGraphs | None = None) -> None:
        self._graphs: tuple[DependencyGraph, ...] = ()
        self._advance = threading.Lock()
        self._since_compaction: list[GraphChange] | None = None
        self._background: threading.Thread | None = None
        self._saved = saved
        self.moments = Moments()
        self.names = KeptNames()

    def current(self, session: Session) -> DependencyGraph:
        """The graph as `session` sees the database.

        Costs one indexed look-up where nothing changed. Changes that leave the graph as it is
        (a new owner, an address) only move its revision on; others are brought in, and only what
        changed is read. Everything is read where nobody knows any more what has changed.
        """
        wanted = revision.newest(session)
        if _is_writing(session):
            # What it sees may never be committed: nobody else may see it.
            with self._advance:
                nearest = self._nearest(wanted)
                found = nearest and self._followed(session, nearest)
            return found[0] if found else build(session)
        graph = self._nearest(wanted)
        if graph is not None and graph.revision == wanted:
            return graph
        with self._advance:
            return self._advanced(session, wanted)

    @property
    def held(self) -> DependencyGraph | None:
        """The newest graph that is here, of a committed revision, without a look at SQL."""
        graphs = self._graphs
        return graphs[0] if graphs else None

    def at(self, session: Session, moment: Moment) -> PastGraph:
        """The graph as it was at a moment that `moments` gave; made once while that is kept."""
        made: PastGraph | None = moment.kept.get(_GRAPH)
        if made is None:
            snapshot, service_ids, group_names = build_past(session, moment)
            graph = DependencyGraph(snapshot, service_ids, snapshot.revision)
            made = moment.kept[_GRAPH] = PastGraph(graph, group_names)
        return made

    def close(self) -> None:
        """Wait for what runs in the background, and save what has changed since it was saved."""
        self.wait()
        if self._graphs:
            self._save(self._graphs[0])

    def wait(self) -> None:
        """Wait for what runs in the background: a saving, a laying out."""
        background = self._background
        if background is not None:
            background.join()

    def _nearest(self, wanted: int) -> DependencyGraph | None:
        return next((graph for graph in self._graphs if graph.revision <= wanted), None)

    def _advanced(self, session: Session, wanted: int) -> DependencyGraph:
        base = self._nearest(wanted)
        if base is not None and base.revision == wanted:
            return base
        newest = base is None or base is self._graphs[0]
        change: GraphChange | None = None
        if base is None and not self._graphs:
            base = self._opened(session)
        if base is not None and (found := self._followed(session, base)):
            graph, change = found
        else:
            graph = build(session)
            self._since_compaction, base = None, None
        if newest and (not self._graphs or graph.revision > self._graphs[0].revision):
            self._keep(graph, change, rebuilt=base is None)
        return graph

    def _keep(self, graph: DependencyGraph, change: GraphChange | None, *, rebuilt: bool) -> None:
        self._graphs = (graph, *self._graphs)[:_KEPT]
        self._have_compiled(graph)
        if rebuilt:
            self._start(lambda: self._save(graph))
        elif self._since_compaction is not None and change is not None:
            self._since_compaction.append(change)
        elif self._since_compaction is None and _is_worn(graph.snapshot):
            self._since_compaction = []
            if not self._start(lambda: self._compact(graph)):
                self._since_compaction = None

    def _opened(self, session: Session) -> DependencyGraph | None:
        saved = None if self._saved is None else self._saved.opened(session)
        if saved is None:
            return None
        carrying = frozenset(saved.facts[_CARRYING])
        graph = DependencyGraph(saved.snapshot, saved.service_ids, saved.revision, carrying)
        self._graphs = (graph,)
        self._have_compiled(graph)
        return graph

    def _followed(
        self, session: Session, graph: DependencyGraph
    ) -> tuple[DependencyGraph, GraphChange | None] | None:
        """The graph as `session` sees it, and what was brought in; None where only SQL knows."""
        kinds = (CI, RELATIONSHIP, RELATIONSHIP_TYPE, CI_CLASS)
        changes = revision.changed_since(session, graph.revision, kinds)
        if changes is None:
            return None
        if changes.ids[RELATIONSHIP_TYPE] and carrying_types(session) != graph.carrying:
            return None
        snapshot, service_ids = graph.snapshot, graph.service_ids
        cis = read_cis(session, snapshot, changes.ids[CI])
        if changes.ids[CI_CLASS]:
            service_ids = services(session)
        elif len(cis.looked_at):
            were = graph.services_among(cis.looked_at)
            if not np.array_equal(were, cis.services):
                others = np.setdiff1d(service_ids, were, assume_unique=True)
                service_ids = np.union1d(others, cis.services)
        change = None
        if changes.ids[RELATIONSHIP] or len(cis.arrived) or len(cis.absent):
            change, touched = read_change(
                session, snapshot, cis, changes.ids[RELATIONSHIP], changes.revision
            )
            snapshot = changed(snapshot, change, touched)
        return replace(
            graph, snapshot=snapshot, service_ids=service_ids, revision=changes.revision
        ), change

    def _have_compiled(self, graph: DependencyGraph) -> None:
        if self.compile_from is not None and graph.snapshot.size >= self.compile_from:
            self.compile_from = None
            compiling = threading.Timer(self.compile_delay, compile_walk)
            compiling.name, compiling.daemon = "compiled walk", True
            compiling.start()

    def _start(self, work: Callable[[], None]) -> bool:
        """Begin something in the background, unless something else is under way."""
        if self._background is not None and self._background.is_alive():
            return False
        self._background = threading.Thread(target=work, name="graph")
        self._background.start()
        return True

    def _save(self, graph: DependencyGraph) -> None:
        if self._saved is not None:
            facts = {_CARRYING: sorted(graph.carrying)}
            self._saved.save(SavedGraph(graph.snapshot, graph.service_ids, graph.revision, facts))

    def _compact(self, graph: DependencyGraph) -> None:
        """Lay a graph out again while others read it, catch up with what came meanwhile, swap."""
        try:
            snapshot = laid_out_anew(graph.snapshot)
            with self._advance:
                changes, self._since_compaction = self._since_compaction, None
                if changes is None or not self._graphs:
                    return  # it was read from SQL meanwhile
                for change in changes:
                    snapshot = changed(snapshot, change)
                compacted = replace(self._graphs[0], snapshot=snapshot)
                self._graphs = (compacted, *self._graphs[1:])
            log.debug("graph_laid_out_anew", revision=compacted.revision)
            self._save(compacted)
        except Exception:
            self._since_compaction = None
            log.error("graph_not_laid_out_anew", exc_info=True)


def build(session: Session) -> DependencyGraph:
    """The graph from SQL, streamed: CIs that are not retired, relationships that carry failure."""
    seen = revision.newest(session)
    carrying = carrying_types(session)
    snapshot, service_ids = built(session, seen)
    log.debug("graph_built", revision=seen, cis=snapshot.size)
    return DependencyGraph(snapshot, service_ids, seen, carrying)


def _is_worn(snapshot: GraphSnapshot) -> bool:
    return len(snapshot.moved) > COMPACT_AT or snapshot.layout.is_half_full


def _is_writing(session: Session) -> bool:
    return bool(session.connection().get_execution_options().get(WRITES, False))
