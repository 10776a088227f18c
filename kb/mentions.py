"""CIs that a text names: by their whole name, or nearly."""

import re
from collections.abc import Iterable
from itertools import islice

from rapidfuzz import fuzz
from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem, LifecycleStatus
from cmdb.names import fold
from opsatlas.db.prepared import listed
from search.query import IncidentText, machine, understand

# Begun where a run of these signs begins: from within one, thousands of dots are looked back over.
_WORD = re.compile(r"(?<![\w.:/-])[\w.:/-]*\w", re.ASCII)
_MAX_WORDS = 400
"""Words of a text that are looked at: names stand at its beginning or nowhere."""
_LONGEST_NAME = 3  # words

NEARLY = 88.0
"""Least similarity (0 to 100, rapidfuzz's ratio) of a name that is meant but mistyped: one sign of
eleven may differ. Numbers must be the same, for db-orders-02 is not db-orders-01 mistyped."""
_SHORTEST = 7
"""Signs that a name must have to be looked up nearly: of fewer one differs too much."""
_MAX_FUZZY = 4
"""Names of one text that are looked up nearly."""
_MAX_ALIKE = 2_000
"""CIs that one name is held against."""

_MACHINE = re.compile(r"(?=\S*[a-z])[a-z0-9]+(?:[-_.][a-z0-9]+)*[-_.]?\d+(?:[-_.][a-z0-9]+)*", re.A)
_START = re.compile(r"[a-z0-9]{1,3}", re.ASCII)
"""What is taken as right of a name, so that the index on names can be used."""
_DIGITS = re.compile(r"\d+")

_CALLED = select(ConfigurationItem.id, ConfigurationItem.folded_name).where(
    ConfigurationItem.folded_name.in_(listed("names")),
    ConfigurationItem.status != LifecycleStatus.RETIRED,
)


def mentioned_cis(session: Session, text: str) -> dict[int, float]:
    """The CIs that `text` names, each with the confidence (0 to 1) that it is meant.

    1.0 where its whole name stands there; less where only one is nearly written so, in a label
    or log prefix that names a machine, or in a word that looks like one. A name that fits several
    CIs is none.
    """
    understood = understand(text)
    spelled = candidate_names(text, understood.names)
    found = _unambiguous(_named(session, spelled))
    mentioned = dict.fromkeys(found.values(), 1.0)
    for written in _mistyped(understood, text, found):
        for ci_id, confidence in _nearly(session, written).items():
            mentioned.setdefault(ci_id, confidence)
    return dict(sorted(mentioned.items()))


def candidate_names(text: str, named: Iterable[str] = ()) -> list[str]:
    """What in `text` could be a name, folded: its words, runs of two and three of them, and what
    stands before the first dot of a host's full name or before the hashes of a pod's; with
    `named`, the names that its labels give."""
    words = [fold(match[0]) for match in islice(_WORD.finditer(text), _MAX_WORDS)]
    runs = (
        " ".join(words[start : start + length])
        for length in range(1, _LONGEST_NAME + 1)
        for start in range(len(words) - length + 1)
    )
    shortened = (_without_domain(each) for each in (*map(fold, named), *words))
    return list(dict.fromkeys((*runs, *filter(None, shortened))))


def _without_domain(name: str) -> str:
    """The first label of a full host name, else the name; an address has none."""
    name = machine(name)
    host, dot, rest = name.partition(".")
    return host if dot and not rest.isdigit() and not host.isdigit() else name


def _named(session: Session, names: list[str]) -> list[tuple[int, str]]:
    rows = session.execute(_CALLED, {"names": names})
    return [(row.id, row.folded_name) for row in rows]


def _unambiguous(rows: Iterable[tuple[int, str]]) -> dict[str, int]:
    by_name: dict[str, list[int]] = {}
    for ci_id, name in rows:
        by_name.setdefault(name, []).append(ci_id)
    return {name: ids[0] for name, ids in by_name.items() if len(ids) == 1}


def _mistyped(understood: IncidentText, text: str, found: dict[str, int]) -> list[str]:
    """What names a machine or looks as if, and is no CI's name as it stands."""
    words = (fold(match[0]) for match in islice(_WORD.finditer(text), _MAX_WORDS))
    written = [fold(name) for name in understood.names]
    written += [word for word in words if _MACHINE.fullmatch(word) and ("-" in word or "_" in word)]
    short = dict.fromkeys(map(_without_domain, written))
    left = (name for name in short if len(name) >= _SHORTEST and name not in found)
    return list(islice(left, _MAX_FUZZY))


def _nearly(session: Session, written: str) -> dict[int, float]:
    """The one CI whose name is nearly `written`; none where several are as near."""
    # Letters and digits alone, and an end of letters: other signs sort differently on databases
    # with a language of their own.
    beginning = _START.match(written)
    if beginning is None:
        return {}
    start = beginning[0]
    rows = session.execute(
        select(ConfigurationItem.id, ConfigurationItem.folded_name)
        .where(
            ConfigurationItem.folded_name.between(start, f"{start}zzzz"),
            ConfigurationItem.status != LifecycleStatus.RETIRED,
        )
        .limit(_MAX_ALIKE)
    )
    numbers = _numbers(written)
    alike = {
        row.id: fuzz.ratio(written, row.folded_name) / 100
        for row in rows
        if _numbers(row.folded_name) == numbers
    }
    best = max(alike.values(), default=0.0)
    nearest = [ci_id for ci_id, likeness in alike.items() if likeness == best]
    return {nearest[0]: best} if best * 100 >= NEARLY and len(nearest) == 1 else {}


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in _DIGITS.findall(name)]
