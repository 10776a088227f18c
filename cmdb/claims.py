"""Whose value wins: a CI's values are made of what each source says of it. Pure.

What a source says is kept under its key (`Said`); nothing that another source says overwrites it.
So the values of a CI follow from what is said and from the precedence alone, not from the order in
which files came, and taking back one source's word brings the other's to light.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cmdb.incoming import CI_CLASS, NAME, STATUS, STORED
from cmdb.models import LifecycleStatus

MANUAL = "manual"
"""The source of what people write themselves; its values win until they are released."""
ATTRIBUTE = "attributes."
"""Before the name of an attribute, where fields and attributes stand side by side."""
ANY = "*"
"""Stands for every attribute that has no order of its own."""

Said = dict[str, Any]
"""By field, or `attributes.NAME`; a manual None says "nothing", and wins as that."""


class Claim(NamedTuple):
    """What one source says of a CI, under one of its keys."""

    source: str
    key: str
    said: Said
    missing: bool
    """The source was read again and no longer has it."""
    seen_at: datetime
    joined: bool = False
    """It came to the CI with a merge: of two records of one source the CI's own one counts."""

    @property
    def reports(self) -> bool:
        """Whether it says that the CI is there, not only what some of its values are."""
        return not self.missing and "name" in self.said


@dataclass(frozen=True, slots=True)
class Precedence:
    """Which source is believed: for each attribute an order, and how long a source is fresh."""

    known: Sequence[str] = ()
    """All sources, the one that was there first in front: the order where none is set."""
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By attribute, or `*`: sources, the most trusted first; the others follow."""
    stale_after: Mapping[str, timedelta] = field(default_factory=dict)
    """By source: how long it may be unseen before a less trusted one takes over."""

    def winner(self, name: str, claims: Iterable[Claim], moment: datetime) -> Claim | None:
        """The claim whose value of `name` counts at `moment`; None where nobody says one."""
        saying = [claim for claim in claims if name in claim.said]
        return min(saying, key=lambda claim: self._order(name, claim, moment), default=None)

    def why(self, name: str, won: Claim, claims: Iterable[Claim], moment: datetime) -> str:
        """Why `won` counts for `name`, in words."""
        saying = [claim for claim in claims if name in claim.said]
        others = [claim for claim in saying if claim.said[name] != won.said[name]]
        rival = min(others, key=lambda claim: self._order(name, claim, moment), default=None)
        if rival is None:
            return f"only {won.source!r} says one" if len(saying) == 1 else "all say the same"
        if won.source == rival.source:
            return "the value of the CI that stays" if rival.joined else f"the key {won.key!r}"
        if won.source == MANUAL:
            return "written by hand"
        if self.is_stale(rival, moment) and not self.is_stale(won, moment):
            return f"{rival.source!r} has not seen it for too long"
        if won.source in self.orders.get(name, self.orders.get(ANY, ())):
            return f"{won.source!r} is trusted more than {rival.source!r}"
        return f"{won.source!r} was there before {rival.source!r}"

    def is_stale(self, claim: Claim, moment: datetime) -> bool:
        """Whether the source has not seen the CI for too long, or no longer has it."""
        if claim.source == MANUAL:
            return False
        after = self.stale_after.get(claim.source)
        return claim.missing or (after is not None and moment - claim.seen_at > after)

    def _order(
        self, name: str, claim: Claim, moment: datetime
    ) -> tuple[bool, bool, tuple[bool, int, int, str], bool, str]:
        by_hand = claim.source == MANUAL
        stale = self.is_stale(claim, moment)
        return not by_hand, stale, self.rank(name, claim.source), claim.joined, claim.key

    def rank(self, name: str, source: str) -> tuple[bool, int, int, str]:
        """Sorts sources by how much they are trusted for `name`, the most trusted first."""
        order = self.orders.get(name, self.orders.get(ANY, ()))
        listed = order.index(source) if source in order else len(order)
        there = self.known.index(source) if source in self.known else len(self.known)
        return source != MANUAL, listed, there, source


def effective(
    claims: Sequence[Claim], precedence: Precedence, moment: datetime
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The values of a CI in the order of `incoming.STORED`, and its attributes.

    A CI that no source reports any more is retired, unless someone said otherwise by hand.
    """
    names = dict.fromkeys(name for claim in claims for name in claim.said)
    won = {name: precedence.winner(name, claims, moment) for name in names}
    said = {name: claim.said[name] for name, claim in won.items() if claim is not None}
    values = [said.get(name) for name in STORED]
    values[STATUS] = _status(claims, won, said.get("status"))
    attributes = {
        name.removeprefix(ATTRIBUTE): value
        for name, value in sorted(said.items())
        if name.startswith(ATTRIBUTE) and value is not None
    }
    return tuple(values), attributes


def _status(claims: Sequence[Claim], won: Mapping[str, Claim | None], said: str | None) -> str:
    winner = won.get("status")
    by_hand = winner is not None and winner.source == MANUAL
    if not by_hand and not any(claim.reports for claim in claims):
        return LifecycleStatus.RETIRED.value
    return said or LifecycleStatus.ACTIVE.value


def said_of(values: Sequence[Any], attributes: Mapping[str, Any]) -> Said:
    """What a record with these values says: fields in the order of `STORED`, without blanks."""
    said = {name: value for name, value in zip(STORED, values, strict=True) if value is not None}
    return said | {f"{ATTRIBUTE}{name}": value for name, value in attributes.items()}


def correction_key(ci_id: int) -> str:
    """The manual key of a CI that people only corrected: it says what, not that the CI is there."""
    return f"#{ci_id}"


def is_correction(key: str) -> bool:
    """Whether a manual key is that of a CI that people only corrected, this one or, before a
    merge, another."""
    return key.startswith("#") and key[1:].isdecimal()


def required(said: Said) -> tuple[str, str]:
    """Name and class of a record that reports a CI."""
    return said[STORED[NAME]], said[STORED[CI_CLASS]]
