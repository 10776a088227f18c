"""An assessment of changes for people: conflicts first, then who is hit when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.cli.tables import table
from api.cli.terminal import minute, plain, stdout

SHOWN = 10
"""Conflicts, services and intervals that are shown unless all are asked for."""

_SAME = " "
"""A cell that goes on from the row above."""

_NOTICES = {
    "past_window": "the window is over; the graph is that of now",
    "open_window": "a change has no end: it lasts until further notice",
    "overrunning": "a change is past its planned end and taken to go on",
    "left_out_cis": "names that are no CI of the graph are left out",
    "left_out_changes": "changes without a place in time are left out",
    "truncated": "the search for conflicts stopped at its limit; there may be more",
}


def show(found: dict[str, Any], shown: int | None) -> None:
    """The whole assessment; of each part the first `shown` (None: all)."""
    _show_changes(found["changes"], shown)
    if not found["services"]:
        stdout.print("\nNo service is affected at any time.")
    else:
        _part("Services", ("State", "Service", "Crit.", "When", "Changes"),
              list(_service_rows(found["services"])), shown)  # fmt: skip
    for conflict in found["conflicts"][:shown]:
        _show_conflict(conflict)
    left = len(found["conflicts"]) - len(found["conflicts"][:shown])
    if left > 0:
        stdout.print(plain(f"… and {left} more conflicts (--all shows them)", "dim"))
    if not found["conflicts"]:
        stdout.print("\nNo changes conflict.")
    _show_notes(found)


def _show_changes(changes: list[dict[str, Any]], shown: int | None) -> None:
    rows = [
        (
            each["number"] + ("" if each["asked"] else " (overlaps)"),
            _span(each),
            [ci["name"] for ci in each["cis"]],
            _alone(each["services"]),
        )
        for each in changes
    ]
    _part("", ("Change", "When (UTC)", "Takes down", "Alone"), rows, shown)


def _part(heading: str, columns: tuple[str, ...], rows: list[Any], shown: int | None) -> None:
    if heading:
        stdout.print()
    stdout.print(table(columns, rows[:shown]))
    left = len(rows) - len(rows[:shown])
    if left:
        stdout.print(plain(f"… and {left} more (--all shows them)", "dim"))


def _service_rows(services: list[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for each in services:
        for number, period in enumerate(each["periods"]):
            first = number == 0
            yield (
                _words(period["state"]),
                each["name"] if first else _SAME,
                each["criticality"] if first else _SAME,
                _span(period),
                period["changes"],
            )


def _show_conflict(conflict: dict[str, Any]) -> None:
    stdout.print()
    line = plain("Conflict: ", "bold red")
    line.append_text(plain(" + ".join(conflict["changes"]), "bold"))
    stdout.print(line.append_text(plain(f", {_span(conflict)}", "not bold default")))
    for service in conflict["services"]:
        alone = {_words(state) for state in service["alone"].values()}
        said = f"{service['name']} is {_words(service['state'])}"
        stdout.print(plain(f"  {said} (with each alone: {', '.join(sorted(alone))})"))
    for each in conflict["groups"]:
        up = f"{each['up']} of {each['members']} members are up, {each['min_up']} needed"
        stdout.print(plain(f"  group '{each['group']}' of {each['name']}: {up}"))


def _show_notes(found: dict[str, Any]) -> None:
    if not found["notices"]:
        return
    stdout.print()
    for notice in found["notices"]:
        stdout.print(plain(f"note: {_NOTICES.get(notice, notice)}", "dim"))
    for change in found["changes"]:
        if change["left_out_cis"]:
            names = ", ".join(change["left_out_cis"])
            stdout.print(plain(f"  {change['number']}: {names}", "dim"))
    for each in found["left_out"]:
        stdout.print(plain(f"  {each['number']} {each['reason']}", "dim"))


def _alone(services: dict[str, int]) -> str:
    return ", ".join(f"{count} {_words(state)}" for state, count in services.items())


def _span(each: dict[str, Any]) -> str:
    """`2026-12-01 22:00 - 23:00`, the day of the end only where it is another."""
    start = minute(each["start"])
    if each["end"] is None:
        return f"{start} - open"
    end = minute(each["end"])
    same_day = start.split()[0] == end.split()[0]
    return start if end == start else f"{start} - {end.split()[1] if same_day else end}"


def _words(name: str) -> str:
    return name.replace("_", " ")
