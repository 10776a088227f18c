"""A health report as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from rich.padding import Padding

from api.cli import terminal
from api.cli.tables import table

_PARTS = (("classes", "Class"), ("sources", "Source"), ("owners", "Owner"))
_SHOWN_PARTS = 5
_CATEGORIES = ("completeness", "correctness", "compliance")


def show(report: Mapping[str, Any], findings: Mapping[str, Any]) -> None:
    """The scores, the checks that found something, the weakest parts, the first findings."""
    out = terminal.stdout
    if report["score"] is None:
        out.print("There are no configuration items to look at.")
        return
    out.print(terminal.plain(f"Health {_score(report['score'])} of 100", "bold"))
    told = ", ".join(f"{name} {_score(report[name])}" for name in _CATEGORIES)
    out.print(terminal.plain(told))
    out.print(terminal.plain(_counts(report)))
    for name, words in (("since_last", "the last record"), ("since_30_days", "30 days ago")):
        change = report[name]
        if change is not None and change["change"] is not None:
            day = change["at"][:10]
            out.print(terminal.plain(f"{change['change']:+.1f} since {words} ({day})"))
    found = [each for each in report["checks"] if each["findings"]]
    if not found:
        out.print("No check found anything.")
    else:
        rows = (
            (each["check"], each["severity"], f"{each['findings']:,}", each["title"])
            for each in found
        )
        out.print()
        out.print(table(("Check", "Severity", "Findings", "What"), rows))
    for name, word in _PARTS:
        _weakest(report[name], word)
    if report["waiting_reviews"]:
        out.print(f"\n{report['waiting_reviews']} records wait for you: opsatlas reviews list")
    for _check, some in groupby(findings["results"], key=lambda each: each["check"]):
        _listed(list(some))
    left = findings["count"] - len(findings["results"])
    if findings["results"] and left:
        out.print(f"\n… and {left:,} more: --limit, or --csv FILE for all of them")


def _weakest(parts: list[dict[str, Any]], word: str) -> None:
    """The parts with the lowest scores, where any is not without fault."""
    weak = [each for each in parts if each["score"] < 100]  # noqa: PLR2004 - the most there is
    if not weak:
        return
    rows = (
        (
            *(each["name"] or "(none)", _score(each["score"]), f"{each['configuration_items']:,}"),
            *(each["errors"], each["warnings"], each["infos"]),
        )
        for each in weak[:_SHOWN_PARTS]
    )
    terminal.stdout.print()
    terminal.stdout.print(table((word, "Score", "CIs", "Errors", "Warnings", "Infos"), rows))


def _listed(findings: list[dict[str, Any]]) -> None:
    """The findings of one check, and what to do about them."""
    first = findings[0]
    terminal.stdout.print()
    terminal.stdout.print(terminal.plain(f"{first['severity']}: {first['check']}", "bold"))
    for each in findings:
        ci = each["ci"]
        told = f"{ci['name']} ({ci['ci_class']} {ci['id']}): {each['detail']}"
        terminal.stdout.print(Padding(terminal.plain(told), (0, 0, 0, 2)))
    terminal.stdout.print(Padding(terminal.plain(f"→ {first['remedy']}", "dim"), (0, 0, 0, 2)))


def _counts(report: Mapping[str, Any]) -> str:
    total = report["configuration_items"]
    bad = report["errors"] + report["warnings"] + report["infos"]
    counts = ", ".join(
        f"{report[name]:,} {words}"
        for name, words in (
            ("errors", "with errors"),
            ("warnings", "with warnings"),
            ("infos", "with infos"),
        )
    )
    return f"{total:,} configuration items: {total - bad:,} without a finding, {counts}"


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:g}"
