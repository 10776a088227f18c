"""When a change of a service's state is worth an event: debouncing and flapping, as plain values.

A state is announced once it has held for a while. A service that changes too often flaps: that is
announced once, and then nothing until it has held one state for long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from cmdb.impact import State


class Announcement(StrEnum):
    """What is announced of a service."""

    CHANGED = "changed"
    FLAPPING = "flapping"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait; seconds."""

    debounce: float
    """How long a new state must hold before it is announced."""
    flap_changes: int
    """More changes than this within `flap_seconds` are flapping."""
    flap_seconds: float
    """Also how long a flapping service must hold one state to have settled."""


@dataclass(frozen=True, slots=True)
class Track:
    """What was announced of a service and what was seen since. Moments are seconds since 1970."""

    announced: State = State.OPERATIONAL
    seen: State = State.OPERATIONAL
    seen_at: float = 0.0
    changes: tuple[float, ...] = ()
    flapping: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether it says no more than that the service is operational."""
        still = self.announced == self.seen == State.OPERATIONAL
        return still and not self.flapping and not self.changes


class Step(NamedTuple):
    """A track a moment later, and what is to be announced."""

    track: Track
    announcement: Announcement | None


def to_announce(announced: State, actual: State, audible: State) -> State:
    """The state that events may tell of, given the one with and without what is under maintenance.

    What is muted makes nothing worse, and it makes nothing that was announced before look better.
    """
    return max(audible, min(announced, actual))


def follow(track: Track, state: State, at: float, patience: Patience) -> Step:
    """The track once the service is seen in `state` at `at`."""
    recent = tuple(each for each in track.changes if each > at - patience.flap_seconds)
    if state != track.seen:
        track = replace(track, seen=state, seen_at=at)
        recent = (*recent, at)[-patience.flap_changes - 1 :]
    track = replace(track, changes=recent)
    held = at - track.seen_at
    if track.flapping:
        if held < patience.flap_seconds:
            return Step(track, None)
        settled = replace(track, announced=track.seen, changes=(), flapping=False)
        return Step(settled, Announcement.SETTLED)
    if len(recent) > patience.flap_changes:
        return Step(replace(track, flapping=True), Announcement.FLAPPING)
    if track.seen != track.announced and held >= patience.debounce:
        return Step(replace(track, announced=track.seen), Announcement.CHANGED)
    return Step(track, None)
