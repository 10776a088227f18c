"""CI names as they are compared: case, width and spacing do not tell two names apart."""

import unicodedata
from collections.abc import Iterable

from rapidfuzz import fuzz, process

_NEAR_ENOUGH = 60.0
"""Least similarity (0 to 100, rapidfuzz's WRatio) of a name that is offered as "did you mean"."""


def fold(name: str) -> str:
    """The form in which names are compared: NFKC, case-folded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def nearest(name: str, names: Iterable[str], limit: int = 5) -> list[str]:
    """The names most like `name`, best first; none that is too far away to be meant."""
    found = process.extract(
        name,
        list(names),
        scorer=fuzz.WRatio,
        processor=fold,
        limit=limit,
        score_cutoff=_NEAR_ENOUGH,
    )
    return [near for near, _score, _index in found]


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """`did you mean "a" or "b"?`, or None where nothing is near."""
    near = nearest(name, names, limit=3)
    return f"did you mean {' or '.join(repr(each) for each in near)}?" if near else None
