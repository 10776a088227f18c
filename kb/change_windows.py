"""Changes along time: when which of them are under way together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to but without `end`; no end is open. One without length is that moment."""

    start: datetime
    end: datetime | None

    def is_under_way(self, moment: datetime) -> bool:
        """Whether it has begun and not yet ended at this moment."""
        if self.start == self.end:
            return moment == self.start
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time in which the same changes are under way; no end is open."""

    window: Window
    changes: frozenset[int]
    """Places in the list of changes; never empty."""


def intervals(windows: Sequence[Window]) -> list[Interval]:
    """The stretches of time in which any change is under way, in their order."""
    edges = {window.start for window in windows} | {window.end for window in windows} - {None}
    moments = {window.start for window in windows if window.start == window.end}
    bounds: list[datetime] = sorted(edge for edge in edges if edge is not None)
    ends: list[datetime | None] = [*bounds[1:], None][: len(bounds)]
    found: list[Interval] = []
    for start, end in zip(bounds, ends, strict=True):
        if start in moments:
            found.append(_interval(windows, Window(start, start)))
        found.append(_interval(windows, Window(start, end), moments=False))
    return [each for each in found if each.changes]


def _interval(windows: Sequence[Window], of: Window, *, moments: bool = True) -> Interval:
    return Interval(
        of,
        frozenset(
            place
            for place, window in enumerate(windows)
            if window.is_under_way(of.start) and (moments or window.start != window.end)
        ),
    )
