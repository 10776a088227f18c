"""Questions for suspects on small graphs, in names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmdb.impact import State
from cmdb.suspect_candidates import candidates
from cmdb.suspect_checks import Check, next_checks
from cmdb.suspect_evidence import Evidence
from cmdb.suspects import Budget, Ranking, rank
from tests.cmdb.builders import Graph


@dataclass(frozen=True)
class Asked:
    """An answer in names."""

    graph: Graph
    evidence: Evidence
    ranking: Ranking

    @property
    def suspects(self) -> list[str]:
        return [self.name(each.index) for each in self.ranking.suspects]

    @property
    def pairs(self) -> list[str]:
        """Such as `api-1 + api-2`, the likeliest first."""
        failed = [each.failed for each, _ in self.ranking.explanations if len(each.failed) > 1]
        return [" + ".join(map(self.name, each)) for each in failed]

    def probability(self, name: str) -> float:
        return next(s.probability for s in self.ranking.suspects if self.name(s.index) == name)

    def explains(self, name: str) -> list[str]:
        found = next(s.alone for s in self.ranking.suspects if self.name(s.index) == name)
        return [self.name(index) for index in found.explains]

    def checks(self) -> list[Check]:
        known = {*self.evidence.symptoms, *self.evidence.healthy}
        return next_checks(self.ranking.explanations, known, self.evidence.observed)

    def name(self, index: int) -> str:
        return self.graph.name(int(self.graph.snapshot.ids[index]))


def ask(
    graph: Graph,
    symptoms: str,
    healthy: str = "",
    services: str = "",
    down: str = "",
    degraded: str = "",
    weights: dict[str, float] | None = None,
    budget: Budget | None = None,
) -> Asked:
    """The suspects for CIs named with spaces between; services are what would be reported."""
    index = graph.snapshot.index_of
    seen: dict[int, State | None] = {}
    for names, state in ((symptoms, None), (down, State.DOWN), (degraded, State.DEGRADED)):
        seen |= {index(graph.ids[name]): state for name in names.split()}
    evidence = Evidence(
        symptoms=seen,
        healthy=frozenset(_indices(graph, healthy.split())),
        observed=np.array(sorted(_indices(graph, services.split())), np.int32),
        weights={index(graph.ids[name]): weight for name, weight in (weights or {}).items()},
        size=len(graph.snapshot.ids),
    )
    budget = budget or Budget()
    found = candidates(graph.snapshot, seen, budget.candidates)
    return Asked(graph, evidence, rank(graph.snapshot, evidence, found, 10, budget))


def _indices(graph: Graph, names: Sequence[str]) -> list[int]:
    return [graph.snapshot.index_of(graph.ids[name]) for name in names]
