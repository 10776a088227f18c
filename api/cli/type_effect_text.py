"""What the edit of a relationship type would change, for the terminal."""

from __future__ import annotations

from typing import Any

from api.cli import terminal
from api.cli.tables import table


def show_effect(effect: dict[str, Any]) -> None:
    """Print the effect: relationships, services, and those that change most."""
    moving, counts = effect["relationships"], effect["counts"]
    after = effect["relationship_type"]["after"]
    if not moving["starting"] and not moving["stopping"]:
        _line(f"Nothing changes for any service ({moving['total']} relationships).")
        return
    if moving["starting"]:
        _line(f"Failure would begin to travel along {moving['starting']} {after['name']}.")
    else:
        _line(f"Failure would travel along {moving['stopping']} {after['name']} no more.")
    _line(
        f"{counts['touched']} services stand on them: {_count(counts['gaining'])} would stand on"
        f" more CIs, {_count(counts['losing'])} on fewer."
    )
    _line(f"Right now {counts['worse']} would be in a worse state, {counts['better']} in a better.")
    if effect["services"]:
        rows = (
            (
                each["name"],
                each["criticality"],
                _both(each["stands_on"]),
                _both(each["single_points"]),
                _both(each["state"]),
            )
            for each in effect["services"]
        )
        columns = ("Service", "Criticality", "Stands on", "Single points", "State")
        terminal.stdout.print(table(columns, rows))
    if effect["truncated"]:
        terminal.note("the time was not enough to count everything (OPSATLAS_WEAK_POINTS_BUDGET)")


def _line(text: str) -> None:
    terminal.stdout.print(terminal.plain(text))


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _both(pair: dict[str, Any] | None) -> str:
    if pair is None:
        return "?"
    before, after = pair["before"], pair["after"]
    return str(before) if before == after else f"{before} > {after}"
