"""How probable it is that two CIs are one thing, and why. Pure.

Numbered siblings are the classic false alarm: `web-01` and `web-02`, `db-a` and `db-b`, the blue
and the green one. They are never taken for one, whatever else agrees.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from cmdb.identifiers import CLOUD_ID, FQDN, MAC, SERIAL

IP = "ip_address"
"""A kind of identifier here alone: addresses are given away again."""

_DOMAIN = re.compile(r"([a-z0-9_-]*[a-z][a-z0-9_-]*)((?:\.[a-z0-9-]+)+)")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_NOISE = frozenset(
    [
        *("the", "srv", "server", "host", "vm", "node", "system"),
        *("svc", "service", "app", "application"),
    ]
)
"""Words that one system adds to a name and another leaves out."""
SHORT = 4
"""Letters up to which two words are two: a site, a colour, a role, not a slip of the pen."""
_LONG = 9
"""Letters from which two slips are still slips."""
_TELLING = frozenset(
    [
        *("primary", "secondary", "tertiary", "replica", "standby", "master", "slave", "leader"),
        *("follower", "main", "active", "passive", "blue", "green", "left", "right", "north"),
        *("south", "east", "west", "central", "prod", "production", "test", "testing", "stage"),
        *("staging", "dev", "development", "qa", "uat", "first", "second", "third", "internal"),
        *("external", "public", "private", "read", "write", "reader", "writer", "inbound"),
        *(
            "one",
            "two",
            "three",
            "outbound",
            "backup",
            "backend",
            "frontend",
            "old",
            "new",
            "legacy",
        ),
    ]
)
"""Words that tell one of a kind from another."""

_ADDRESSED = frozenset({"computer", "network_device", "load_balancer", "storage"})
"""Families of which each thing has an address of its own."""
_BY_IDENTIFIER: Mapping[str, float] = {SERIAL: 0.97, CLOUD_ID: 0.97, MAC: 0.85, FQDN: 0.85}
_BY_ADDRESS = 0.62
_SAME_NAME, _SAME_WORDS, _NEARLY, _LESS_WORDS = 0.9, 0.85, 0.75, 0.75
_AGREES, _DOUBT = 0.04, 0.1
"""What each further agreement adds, and each doubt takes away."""
_CERTAIN = (SERIAL, CLOUD_ID)
"""Kinds of which two different values mean two different things."""
_WORDS: Mapping[str, str] = {
    SERIAL: "serial number",
    CLOUD_ID: "cloud id",
    MAC: "MAC address",
    FQDN: "host name",
    IP: "IP address",
}
PROPOSED = 0.6
"""Least score of a pair that is proposed."""


class Name(NamedTuple):
    """A name as it is compared."""

    text: str
    """Folded, without its domain."""
    domain: str
    words: tuple[str, ...]
    """Letters and numbers apart, sorted; numbers without leading zeros."""
    bare: tuple[str, ...]
    """`words` without those that say nothing."""
    compact: str
    """Without punctuation; two numbers beside each other stay two."""
    letters: str
    """Without digits and punctuation."""
    numbers: tuple[str, ...]
    """In their order."""


class Traits(NamedTuple):
    """What is compared of a CI."""

    id: int
    name: Name
    family: str
    """Classes of one family may be one and the same thing."""
    environment: str | None
    owner: str | None
    identifiers: Mapping[str, frozenset[str]]
    """By kind: normalised values; `ip_address` among them."""
    sources: frozenset[str] = frozenset()


class Likeness(NamedTuple):
    """What speaks for two CIs being one; `score` is 0 to 1."""

    score: float
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]


def read_name(folded: str) -> Name:
    """A folded name in its parts."""
    found = _DOMAIN.fullmatch(folded)
    text, domain = (found[1], found[2]) if found else (folded, "")
    words = tuple(
        word.lstrip("0") or "0" if word.isdigit() else word for word in _WORD.findall(text)
    )
    bare = [word for word in words if word not in _NOISE]
    if not any(len(word) > 1 and not word.isdigit() for word in bare):
        bare = list(words)
    numbers = tuple(word for word in words if word.isdigit())
    letters = "".join(word for word in words if not word.isdigit())
    ordered = tuple(sorted(words))
    return Name(text, domain, ordered, tuple(sorted(bare)), _compact(words), letters, numbers)


def compare(one: Traits, other: Traits) -> Likeness | None:
    """What speaks for two CIs being one; None where too little does, or something forbids it."""
    if one.family != other.family or _differ(one.environment, other.environment):
        return None
    if are_siblings(one.name, other.name):
        return None
    agreeing, contradicting = _identifiers(one, other)
    if any(kind in contradicting for kind in _CERTAIN):
        return None
    if FQDN in contradicting and not any(kind in agreeing for kind in (*_CERTAIN, MAC)):
        return None
    by_name, reason = name_likeness(one.name, other.name)
    scores = [by_name, *(_BY_IDENTIFIER.get(kind, 0.0) for kind in agreeing)]
    if IP in agreeing and one.family in _ADDRESSED:
        scores.append(_BY_ADDRESS)
    reasons = [f"the same {_WORDS[kind]} {value}" for kind, value in agreeing.items()]
    reasons += [reason] if reason else []
    score = max(scores)
    if score == 0.0:
        return None
    further = len(reasons) - 1
    doubts = [f"different {_WORDS[kind]}es" for kind in (MAC, IP) if kind in contradicting]
    if shared := sorted(one.sources & other.sources):
        doubts.append(f"{shared[0]!r} knows both")
    if one.owner and other.owner:
        if _differ(one.owner, other.owner):
            doubts.append("different owners")
        else:
            reasons.append("the same owner")
            further += 1
    score = round(min(score + _AGREES * further, 0.99) - _DOUBT * len(doubts), 2)
    return Likeness(score, tuple(reasons), tuple(doubts)) if score >= PROPOSED else None


def are_siblings(one: Name, other: Name) -> bool:
    """Whether the names tell two of a kind apart: by a number, a letter, a role, a colour."""
    mine, theirs = _beside(one.bare, other.bare)
    if not mine and not theirs:
        return one.numbers != other.numbers and one.letters == other.letters
    if one.compact == other.compact:
        return False
    if len(mine) == len(one.bare) and len(theirs) == len(other.bare):  # nothing in common
        numbered = one.letters == other.letters and one.numbers != other.numbers
        return numbered or (len(mine) == len(theirs) == 1 and _last_letter_tells(*mine, *theirs))
    if not mine or not theirs:
        return any(map(_is_telling, (*mine, *theirs)))
    return any(
        (_is_telling(word) and _is_telling(against)) or _last_letter_tells(word, against)
        for word, against in zip(mine, theirs, strict=False)
    )


def name_likeness(one: Name, other: Name) -> tuple[float, str | None]:
    """How much two names alone say (0 to 1), and in which way they are alike."""
    if one.domain and other.domain and one.domain != other.domain:
        return 0.0, None
    if one.compact == other.compact:
        punctuation = "" if one.text == other.text else " but for punctuation"
        return _SAME_NAME, f"the same name{punctuation}"
    if one.words == other.words:
        return _SAME_WORDS, "the same words in another order"
    if one.bare == other.bare:
        return _LESS_WORDS, "the same name but for a word that says nothing"
    slips = _beside(one.bare, other.bare)
    if [len(each) for each in slips] == [1, 1] and is_slip(slips[0][0], slips[1][0]):
        return _NEARLY, f"nearly the same name ({fuzz.ratio(one.compact, other.compact):.0f}%)"
    return 0.0, None


def is_slip(word: str, other: str) -> bool:
    """Whether two words are one and a slip of it, rather than two."""
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) <= SHORT or word in _TELLING or other in _TELLING:
        return False
    if _last_letter_tells(word, other) or (longer[:-1] == shorter and longer[-1] != "s"):
        return False
    return int(OSA.distance(word, other)) <= (2 if len(shorter) >= _LONG else 1)


def _compact(words: tuple[str, ...]) -> str:
    text = ""
    for word in words:
        text += f"-{word}" if text[-1:].isdigit() and word.isdigit() else word
    return text


def _beside(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The words of each that the other does not have."""
    return [word for word in one if word not in other], [word for word in other if word not in one]


def _last_letter_tells(word: str, other: str) -> bool:
    """Whether two words are siblings such as `nodea` and `nodeb`."""
    return len(word) == len(other) and word != other and word[:-1] == other[:-1]


def _is_telling(word: str) -> bool:
    return word.isdigit() or len(word) == 1 or word in _TELLING


def _identifiers(one: Traits, other: Traits) -> tuple[dict[str, str], set[str]]:
    """By kind a value that both have; the kinds of which both have values and none in common."""
    agreeing: dict[str, str] = {}
    contradicting: set[str] = set()
    for kind, values in one.identifiers.items():
        theirs = other.identifiers.get(kind)
        if not theirs:
            continue
        if common := values & theirs:
            agreeing[kind] = min(common)
        else:
            contradicting.add(kind)
    return agreeing, contradicting


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other and one.casefold() != other.casefold())
