"""One suggestion for one trouble: records that say the same stand together under the best of them.

- An incident stands under its known error; one closed as a duplicate under its original.
- Incidents without a known error whose cause, workaround and resolution say nearly the same stand
  together.
- So do incidents that report the same thing but for the host, the time and the numbers in it.
- An article that was superseded stands under its successor.
- Any other article stands for itself, also where its known error is listed: its checks, commands
  and verification are what the known error's few lines lack (measured: docs/suggestions.md).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from kb.candidates import Candidate, Pool
from kb.models import RecordKind
from kb.near_identical import Report, near_identical
from search.retriever import Hit

NEARLY_THE_SAME = 0.8
"""Jaccard similarity of the words of two solutions from which they are one."""

_FEW_WORDS = 6  # "restarted, works" says nothing of the trouble that it ended

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Group:
    """A suggestion in the making: `head` is what is shown, `members` what speaks for it."""

    head: Candidate
    members: tuple[Candidate, ...]
    """The head and others, all of which search found, the best hit first."""
    lent: float = 0.0
    """Text score on the word of a record that it is linked with."""

    @property
    def hits(self) -> list[Hit]:
        """What search found of it, best first; never empty."""
        return [member.hit for member in self.members if member.hit is not None]

    @property
    def text_score(self) -> float:
        """Of its best hit, or what was lent."""
        return max(self.hits[0].score, self.lent)


def group(
    pool: Pool, kinds: Collection[str], closeness: Callable[[Candidate], float] = lambda _: 0.0
) -> list[Group]:
    """Groups of the candidates that search found, whose heads are of `kinds`; best first.

    Of near-identical incidents that one is the head which says what to do on the CI that is
    nearest by `closeness` (0 to 1) to those of the question.
    """
    members: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(pool.candidates.values(), key=_order):
        if candidate.hit is not None:
            members[_head(candidate, pool, kinds)].append(candidate)
    _join_nearly_same(members, pool)
    _join_near_identical(members, pool, closeness)
    groups = [
        Group(pool.candidates[number], tuple(each))
        for number, each in members.items()
        if pool.candidates[number].kind in kinds and pool.candidates[number].helps
    ]
    return sorted(groups, key=lambda each: _order(each.members[0]))


def _head(candidate: Candidate, pool: Pool, kinds: Collection[str]) -> str:
    """The number of the record under which a candidate is suggested."""
    if candidate.heir is not None:
        return candidate.heir
    for number in candidate.duplicate_of:
        original = pool.candidates.get(number)
        if original is not None and not original.duplicate_of:
            candidate = original
            break
    if RecordKind.KNOWN_ERROR in kinds and candidate.known_error in pool.candidates:
        return candidate.known_error
    return candidate.number


def _join_nearly_same(members: dict[str, list[Candidate]], pool: Pool) -> None:
    """Move the members of incidents that say what a better one says already under that one."""
    kept: list[tuple[str, frozenset[str]]] = []
    for number in list(members):  # in the order of their best hits
        head = pool.candidates[number]
        if head.kind is not RecordKind.INCIDENT:
            continue
        words = frozenset(_WORD.findall(f"{head.workaround} {head.fix}".casefold()))
        for other, others in kept:
            if _similarity(words, others) >= NEARLY_THE_SAME:
                members[other] += members.pop(number)
                members[other].sort(key=_order)
                break
        else:
            if len(words) >= _FEW_WORDS:
                kept.append((number, words))


def _join_near_identical(
    members: dict[str, list[Candidate]], pool: Pool, closeness: Callable[[Candidate], float]
) -> None:
    """Put incidents that report the same thing under the best of them."""
    clusters: list[tuple[Report, list[Candidate]]] = []
    for number in members:  # in the order of their best hits
        head = pool.candidates[number]
        if head.kind is not RecordKind.INCIDENT:
            continue
        report = Report(
            head.title, head.symptoms, f"{head.workaround} {head.fix}", head.known_error
        )
        same = next((heads for kept, heads in clusters if near_identical(kept, report)), None)
        if same is None:
            clusters.append((report, [head]))
        else:
            same.append(head)
    for _, heads in clusters:
        if len(heads) > 1:
            best = min(heads, key=lambda head: (not head.helps, -closeness(head), *_order(head)))
            joined = [each for head in heads for each in members.pop(head.number)]
            members[best.number] = sorted(joined, key=_order)


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _order(candidate: Candidate) -> tuple[float, str]:
    return -candidate.hit.score if candidate.hit is not None else 0.0, candidate.number
