"""From symptoms to the CIs whose failure explains them best: the inverse of `cmdb/impact.py`.

Best first, by bounds: what a candidate can score at the most is cheap to tell (which symptoms it
reaches at all), a better bound costs a short walk, the score itself a whole propagation. Only
candidates whose bound beats what is already found get that far, so the answer is exact as long as
nothing is `truncated`. Formula and words: docs/suspects.md.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, inf

from cmdb.graph import EdgeKind, GraphSnapshot
from cmdb.impact import analyse
from cmdb.suspect_candidates import Candidates, CloserLook
from cmdb.suspect_evidence import Evidence, Explanation, explain

FAR = 10.0
"""What scores so much less (in natural logarithms) than the best is no suspect: e^-10, 1 in
22,000."""
_FIRST_LOOK, _LONGER = 16, 8
"""Silent services that the first look at a candidate counts, and how many times more each further
look does, for as long as its bound stays in front."""
_AT_LEAST = 10
"""Candidates that are weighed even when time is out: those with the best bounds."""
_FIRST_OF_PAIRS = 6
"""Single suspects that pairs are made from: those that explain a part best."""
_MEMBERS_OF_PAIRS = 24
"""Members of redundancy groups near the symptoms that pairs are made from besides."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How far to look: afterwards the answer says `truncated`."""

    candidates: int = 20_000
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """One CI, by index."""

    index: int
    probability: float
    """That it failed, alone or with one other, given that one or two CIs did; 0 to 1."""
    alone: Explanation
    """What its own failure would explain."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Suspects by probability, then by how well they explain alone, then by index."""

    suspects: list[Suspect]
    explanations: list[tuple[Explanation, float]]
    """Single CIs and pairs with the probability of each, the likeliest first."""
    candidates: int
    """CIs that were considered at all."""
    truncated: bool


def rank(
    snapshot: GraphSnapshot,
    evidence: Evidence,
    found: Candidates,
    keep: int = 10,
    budget: Budget | None = None,
) -> Ranking:
    """The likeliest of the candidates, each weighed by what its failure would really affect.

    Raises nothing for symptoms that nothing explains: each symptom is a candidate of its own.
    """
    search = _Search(snapshot, evidence, found, budget or Budget(), keep)
    singles = search.best(found.covers)
    pairs = search.pairs(singles)
    weighed = _with_probabilities([*singles, *pairs])
    suspects = _suspects(search, weighed)[:keep]
    return Ranking(suspects, weighed, len(found.covers), found.truncated or search.out_of_time)


@dataclass(eq=False)
class _Search:
    snapshot: GraphSnapshot
    evidence: Evidence
    found: Candidates
    budget: Budget
    keep: int
    out_of_time: bool = False
    _made: dict[tuple[int, ...], Explanation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._look = CloserLook(self.snapshot, self.evidence.marks)
        self._end = time.monotonic() + self.budget.seconds

    def explanation(self, failed: tuple[int, ...]) -> Explanation:
        """The exact one, made once."""
        if failed not in self._made:
            ids = [int(self.snapshot.ids[index]) for index in failed]
            self._made[failed] = explain(self.evidence, failed, analyse(self.snapshot, ids))
        return self._made[failed]

    def best(
        self, covers: Mapping[int, int], given: Explanation | None = None, highest: float = -inf
    ) -> list[Explanation]:
        """The likeliest explanations by one of these CIs, or by it and the `given` one, which
        explains other symptoms; at most `keep`, and none that is far below `highest`."""
        first = given.failed if given else ()
        explained = len(given.explains) if given else 0
        affected = given.silent if given else 0
        heap = []
        for order, (index, bits) in enumerate(covers.items()):
            reach = explained + bits.bit_count()
            bound = self.evidence.bound((*first, index), reach, affected, 0)
            heap.append((-bound, order, index, _FIRST_LOOK))
        heapq.heapify(heap)
        best: list[Explanation] = []
        least: list[float] = []  # the scores of the best, as a heap: the lowest in front
        while heap and not self._is_late():
            bound, order, index, look = heapq.heappop(heap)
            if -bound < highest - FAR or (len(least) == self.keep and -bound <= least[0]):
                break
            failed = tuple(sorted((*first, index)))
            if look:
                reach = explained + covers[index].bit_count()
                silent, healthy, is_more = self._look.surely_down(index, look)
                closer = self.evidence.bound(failed, reach, max(silent, affected), healthy)
                heapq.heappush(heap, (-closer, order, index, look * _LONGER if is_more else 0))
                continue
            made = self.explanation(failed)
            if not made.explains:
                continue
            best.append(made)
            highest = max(highest, made.score)
            (heapq.heappush if len(least) < self.keep else heapq.heappushpop)(least, made.score)
        if self.out_of_time and not given:
            for _, _, index, _ in heapq.nsmallest(_AT_LEAST - len(best), heap):
                best.append(self.explanation((index,)))
        return sorted((each for each in best if each.explains), key=_likeliest)[: self.keep]

    def pairs(self, singles: list[Explanation]) -> list[Explanation]:
        """Pairs, where no single suspect explains everything."""
        if not singles or not min(len(each.misses) for each in singles):
            return []
        places = {index: place for place, index in enumerate(self.evidence.symptoms)}
        firsts = [each.failed[0] for each in singles[:_FIRST_OF_PAIRS]]
        pairs: dict[tuple[int, ...], Explanation] = {}
        highest = singles[0].score
        for first in dict.fromkeys([*firsts, *self._members(singles)]):
            if self._is_late():
                break
            alone = self.explanation((first,))
            rest = sum(1 << places[index] for index in alone.misses)
            covers = {
                index: bits & rest
                for index, bits in self.found.covers.items()
                if bits & rest and index != first
            }
            for made in self.best(covers, alone, highest):
                if len(made.explains) > len(alone.explains):
                    pairs[made.failed] = made
                    highest = max(highest, made.score)
        return sorted(pairs.values(), key=_likeliest)[: self.keep]

    def _members(self, singles: list[Explanation]) -> list[int]:
        """Candidates that are members of redundancy groups, the nearest first; none where a
        single suspect explains half of the symptoms, for two members that fail together would
        have to explain that half too."""
        members: dict[int, None] = {}
        if 2 * max(len(each.explains) for each in singles) >= len(self.evidence.symptoms):
            return []
        for index in self.found.covers:
            for position in self.snapshot.edges_to_dependents(index).tolist():
                if (
                    self.snapshot.kind_of(position) is EdgeKind.REDUNDANCY
                    and int(self.snapshot.dependent[position]) in self.found.covers
                ):
                    members[index] = None
            if len(members) >= _MEMBERS_OF_PAIRS or self._is_late():
                break
        return list(members)

    def _is_late(self) -> bool:
        self.out_of_time = self.out_of_time or time.monotonic() > self._end
        return self.out_of_time


def _likeliest(explanation: Explanation) -> tuple[float, tuple[int, ...]]:
    return -round(explanation.score, 9), explanation.failed


def _with_probabilities(found: list[Explanation]) -> list[tuple[Explanation, float]]:
    if not found:
        return []
    ordered = sorted(found, key=_likeliest)
    shares = [exp(each.score - ordered[0].score) for each in ordered]
    return [(each, share / sum(shares)) for each, share in zip(ordered, shares, strict=True)]


def _suspects(search: _Search, weighed: list[tuple[Explanation, float]]) -> list[Suspect]:
    """Each CI of the explanations that count; its probability is the sum of theirs."""
    probability: dict[int, float] = defaultdict(float)
    for explanation, share in weighed:
        for index in explanation.failed:
            probability[index] += share
    suspects = [
        Suspect(index, min(share, 1.0), search.explanation((index,)))
        for index, share in probability.items()
    ]
    return sorted(
        suspects,
        key=lambda each: (-round(each.probability, 9), -round(each.alone.score, 9), each.index),
    )
