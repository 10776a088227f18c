"""Weak points for people: one table a kind, the weakest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from api.cli.tables import table
from api.cli.terminal import plain, stdout
from cmdb.impact_schemas import CIName
from kb.weak_point_schemas import Circle, SinglePoint, TakenDown, WeakPointsAnswer

_NAMED = 3
_STEPS = 8


def show(answer: WeakPointsAnswer, service: str | None) -> None:
    """Every kind that was asked for."""
    counts = answer.counts
    if counts.single_points is not None:
        _single_points(answer, counts.single_points, service)
    if counts.hidden_dependencies is not None:
        title = _number(counts.hidden_dependencies, "group") + " with less redundancy than it seems"
        columns = ("Group", "Of", "Needs", "Members share")
        _list(title, counts.hidden_dependencies, columns, _hidden(answer))
    if counts.no_spare is not None:
        title = _number(counts.no_spare, "group") + " without a member to spare"
        _list(title, counts.no_spare, ("Group", "Of", "Up", "Missing"), _no_spare(answer))
    if counts.circles is not None:
        title = _number(counts.circles, "circle") + " of CIs that need each other"
        _list(title, counts.circles, ("CIs", "A shortest way round"), _circles(answer.circles))
    if counts.no_infrastructure is not None:
        title = _number(counts.no_infrastructure, "service") + " on no known infrastructure"
        rows = ((each.name, each.criticality, each.owner) for each in answer.no_infrastructure)
        _list(title, counts.no_infrastructure, ("Service", "Criticality", "Owner"), rows)
    if answer.truncated:
        text = (
            f"Time was up after {answer.examined} CIs: there may be more"
            " (OPSATLAS_WEAK_POINTS_BUDGET sets the seconds)."
        )
        stdout.print(plain(text, "yellow"))


def _single_points(answer: WeakPointsAnswer, count: int, service: str | None) -> None:
    title = _number(count, "single point") + " of failure"
    if service is not None:
        _list(f"{title} of {service}", count, ("CI", "Class", "How"), _ways(answer))
        return
    _list(title, count, ("CI", "Class", "Score", "Takes down"), _points(answer))
    if answer.services:
        rows = ((each.name, each.criticality, each.single_points) for each in answer.services)
        columns = ("Service", "Criticality", "Single points")
        _list("Services that most CIs take down", len(answer.services), columns, rows)


def _list(
    title: str,
    count: int,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    shown = list(rows)
    stdout.print(plain(title, "bold"))
    if shown:
        stdout.print(table(columns, shown))
    left = count - len(shown)
    if left:
        stdout.print(plain(f"… {left} more (--limit, --offset)", "dim"))
    stdout.print()


def _points(answer: WeakPointsAnswer) -> Iterator[Sequence[Any]]:
    for each in answer.single_points:
        score = str(each.score)
        if each.incidents:
            score += f" ({_number(each.incidents, 'incident')})"
        yield each.name, each.ci_class, score, _taken_down(each)


def _taken_down(point: SinglePoint) -> str:
    text = f"{_number(point.taken_down, 'service')}: {_names(point.services, point.taken_down)}"
    return f"{text}; {point.hidden} hidden by redundancy" if point.hidden else text


def _ways(answer: WeakPointsAnswer) -> Iterator[Sequence[Any]]:
    for each in answer.single_points:
        for service in each.services:
            yield each.name, each.ci_class, _way(service)


def _way(service: TakenDown) -> str:
    names = [step.name for step in service.path[1:]]
    if len(names) > _STEPS:
        names = [*names[: _STEPS - 1], "…", names[-1]]
    text = "→ " + " → ".join(names)
    if service.hidden:
        groups = "; ".join(
            f"group '{each.group}' of {each.dependent.name} loses {_names(each.down)}"
            for each in service.behind
        )
        return f"hidden: {groups} ({text})"
    return text


def _hidden(answer: WeakPointsAnswer) -> Iterator[Sequence[Any]]:
    for each in answer.hidden_dependencies:
        common = "; ".join(
            f"{ci.name} (takes {_names(ci.members_down)} down)" for ci in each.common[:1]
        )
        more = each.shared - 1
        text = f"{common} and {_number(more, 'other CI')}" if more else common
        yield each.group, each.dependent.name, f"{each.min_up} of {each.members}", text


def _no_spare(answer: WeakPointsAnswer) -> Iterator[Sequence[Any]]:
    for each in answer.no_spare:
        up = f"{each.up} of {each.members}, {each.min_up} needed"
        missing = ", ".join(
            f"{ci.name} ({ci.why.replace('_', ' ')})" for ci in each.missing[:_NAMED]
        )
        yield each.group, each.dependent.name, up, missing or "nobody: it never had one to spare"


def _circles(circles: Iterable[Circle]) -> Iterator[Sequence[Any]]:
    for each in circles:
        names = [ci.name for ci in each.way[:_STEPS]]
        end = names[:1] if each.length <= _STEPS else ["…"]
        yield each.size, " → ".join([*names, *end])


def _names(cis: Sequence[CIName], count: int | None = None) -> str:
    total = len(cis) if count is None else count
    named = ", ".join(ci.name for ci in cis[:_NAMED])
    return f"{named}, …" if total > min(len(cis), _NAMED) else named


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
