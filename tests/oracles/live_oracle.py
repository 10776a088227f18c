"""Current states folded by hand: one report after the other, the way a person keeps a list.

Nothing here knows the product: dicts and loops, and the table of `impact_oracle` for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.oracles import impact_oracle
from tests.oracles.impact_oracle import Landscape


@dataclass(frozen=True)
class Report:
    """What a source says of a CI; moments are whole seconds."""

    ci: int
    source: str
    state: str
    reported_at: int
    expires_at: int | None = None


def last_words(reports: Iterable[Report]) -> dict[tuple[int, str], Report]:
    """The newest report of each source and CI; of equally new ones the one that came last."""
    words: dict[tuple[int, str], Report] = {}
    for report in reports:
        known = words.get((report.ci, report.source))
        if known is None or report.reported_at >= known.reported_at:
            words[report.ci, report.source] = report
    return words


def failures(reports: Iterable[Report], at: int) -> tuple[set[int], set[int]]:
    """CIs that are down, and CIs that are degraded, at a moment."""
    down: set[int] = set()
    degraded: set[int] = set()
    for report in last_words(reports).values():
        if report.expires_at is None or report.expires_at > at:
            if report.state == "down":
                down.add(report.ci)
            elif report.state == "degraded":
                degraded.add(report.ci)
    return down, degraded - down


def states(landscape: Landscape, reports: Sequence[Report], at: int) -> dict[int, int]:
    """The state of every CI at a moment."""
    down, degraded = failures(reports, at)
    return impact_oracle.states(landscape, down & landscape.cis, degraded & landscape.cis)


def events(
    seen: Iterable[tuple[float, int]], debounce: float, flap_changes: int, flap_seconds: float
) -> list[tuple[str, int, int]]:
    """What is announced of a service that is looked at again and again: (time, state) each.

    (kind, state announced before, state now), read off from the whole past at every look.
    """
    looks: list[tuple[float, int]] = []
    told: list[tuple[str, int, int]] = []
    announced, flapping, forgiven = 0, False, float("-inf")
    for at, state in seen:
        looks.append((at, state))
        turns = [
            when
            for (when, now), before in zip(looks, [0, *(each for _, each in looks)], strict=False)
            if now != before
        ]
        since = turns[-1] if turns else float("-inf")
        recent = [when for when in turns if when > at - flap_seconds and when > forgiven]
        if flapping:
            if at - since >= flap_seconds:
                told.append(("settled", announced, state))
                announced, flapping, forgiven = state, False, at
        elif len(recent) > flap_changes:
            told.append(("flapping", announced, state))
            flapping = True
        elif state != announced and at - since >= debounce:
            told.append(("changed", announced, state))
            announced = state
    return told
