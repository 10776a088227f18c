"""Why a suggestion is here, in one sentence that says nothing which its evidence does not hold.

Same error (ORA-00257) on the same database, db-erp-01, last seen 3 weeks ago; restarting the
archiver helped 6 times and failed once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

ALIKE = 0.5
"""From this cosine on two texts are said to mean something alike."""

GIVEN, NAMED = 1.0, 0.6
"""What `closeness` is for a CI that the caller gave, and for one that the text names by its whole
name (kb/proximity.py); less at no distance is a name that was nearly written so."""

_KEYS_TOLD = 2
_WORDS_TOLD = 4
_SHORTEST_KEY = 4

_WEEKS_FROM, _MONTHS_FROM, _YEARS_FROM = 14, 61, 730
"""Days from which a time is told in weeks, months and years."""
_WEEK, _MONTH, _YEAR = 7, 30.44, 365.25
_RECENTLY = ("today", "yesterday")


@dataclass(frozen=True, slots=True)
class Place:
    """The suggestion's CI that is nearest to the question's."""

    name: str
    ci_class: str | None
    """None where it is not known."""
    hops: int
    closeness: float


@dataclass(frozen=True, slots=True)
class Grounds:
    """All that may be said of a suggestion."""

    keys: Sequence[str] = ()
    """Error codes and exceptions of the question, as it writes them."""
    words: Sequence[str] = ()
    """Words of the question that the record has, rarest first."""
    semantic: float | None = None
    """Cosine with the question; None where meaning was not compared."""
    place: Place | None = None
    last_seen: datetime | None = None
    """When the newest incident of this trouble was opened."""
    solved: int = 0
    not_helped: int = 0
    deed: str | None = None
    """What was done then ("restarting the pool"); None where that is not sure."""


def why(grounds: Grounds, now: datetime) -> str:
    """The sentence. The same grounds at the same time always give the same one."""
    said = _likeness(grounds) + _seen(grounds.last_seen, now)
    outcome = _outcome(grounds)
    return f"{said}; {outcome}." if outcome else f"{said}."


def shared_keys(keys: Iterable[str], words: Iterable[str]) -> list[str]:
    """The keys that the record has. Numbers alone, and the shortest names, prove no same error:
    a record may have a 502 for many reasons."""
    held = {word.casefold() for word in words}
    return [
        key
        for key in keys
        if key.casefold() in held and len(key) >= _SHORTEST_KEY and not key.isdigit()
    ]


def ago(then: datetime, now: datetime) -> str | None:
    """How long ago, as people say it; None for a time to come."""
    days = (now.date() - then.date()).days
    if days < 0 or then > now:
        return None
    if days < _WEEKS_FROM:
        return _RECENTLY[days] if days < len(_RECENTLY) else f"{days} days ago"
    for unit, length, until in (("week", _WEEK, _MONTHS_FROM), ("month", _MONTH, _YEARS_FROM)):
        if days < until:
            return f"{_count(int(days / length), unit)} ago"
    return f"{_count(int(days / _YEAR), 'year')} ago"


def _likeness(grounds: Grounds) -> str:
    """What of the text is the same, and on which CI."""
    on = _on(grounds.place)
    keys = shared_keys(grounds.keys, grounds.words)
    if keys:
        noun = "error" if len(keys) == 1 else "errors"
        return f"Same {noun} ({_listed(keys, _KEYS_TOLD)})" + (f" {on}" if on else "")
    alike = grounds.semantic is not None and grounds.semantic >= ALIKE
    words = [f'"{_one_line(word)}"' for word in _telling(grounds.words)]
    the_words = f"the word{'s' if len(words) > 1 else ''} {_listed(words, _WORDS_TOLD)}"
    said = ["Similar in meaning"] if alike else []
    if words:
        said.append(f"with {the_words}" if alike else f"Has {the_words}")
    if on:
        said.append(on if said else f"Little alike, but {on}")
    return ", ".join(said) or "Little alike"


def _telling(words: Sequence[str]) -> Sequence[str]:
    """Without numbers, and without the parts of a word that is told; all, where those are all."""
    kept: list[str] = []
    for word in words:
        if not word.isdigit() and not any(word in other for other in kept):
            kept.append(word)
    return kept or words


def _on(place: Place | None) -> str:
    if place is None:
        return ""
    name = _one_line(place.name)
    if place.hops:
        return f"on {name}, {_count(place.hops, 'relationship')} away"
    if place.closeness < NAMED:
        return f"on {name}, which the text seems to name"
    kind = (place.ci_class or "CI").replace("_", " ")
    return f"on the same {kind if kind != 'generic' else 'CI'}, {name}"


def _seen(last_seen: datetime | None, now: datetime) -> str:
    told = ago(last_seen, now) if last_seen is not None else None
    return f", last seen {told}" if told else ""


def _outcome(grounds: Grounds) -> str:
    told = [
        f"{verb} {_times(count)}"
        for verb, count in (("helped", grounds.solved), ("failed", grounds.not_helped))
        if count
    ]
    return f"{_one_line(grounds.deed or 'it')} {' and '.join(told)}" if told else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _listed(items: Sequence[str], most: int) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b and 3 more`; of none the empty text."""
    if not items:
        return ""
    if len(items) > most:
        items = [*items[: most - 1], f"{len(items) - most + 1} more"]
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def _one_line(text: str) -> str:
    return " ".join(text.split())
