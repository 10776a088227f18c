"""An impact answer for people: what is hit, the reasons as a tree, the priority, whom to call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from api.cli.terminal import plain, stdout
from cmdb.impact_schemas import (
    AffectedItem,
    AffectedService,
    CIName,
    ImpactAnswer,
    PathStep,
    StateName,
)

EXPLAINED = 10
"""Services that are listed and explained unless all are asked for; the worst come first."""

STYLES = {"down": "bold red", "degraded": "yellow", "at_risk": "cyan"}
_STATES: tuple[StateName, ...] = ("down", "degraded", "at_risk")


class Explained(Protocol):
    """A CI with the path that explains its state."""

    @property
    def id(self) -> int: ...
    @property
    def path(self) -> list[PathStep]: ...


def show(answer: ImpactAnswer, explained: int | None = EXPLAINED) -> None:
    """The whole answer; of the services the `explained` worst (None: all)."""
    stdout.print(summary(answer))
    stdout.print(priority(answer))
    if not answer.services:
        if answer.configuration_items:
            stdout.print()
            stdout.print(_table("Item", answer.configuration_items[:explained]))
        return
    services = answer.services[:explained]
    stdout.print()
    stdout.print(service_table(services))
    left = len(answer.services) - len(services)
    if left:
        stdout.print(plain(f"… and {left} more services (--all shows them)", "dim"))
    stdout.print()
    for tree in reason_trees(services):
        stdout.print(tree)
    if answer.contacts:
        stdout.print()
        stdout.print(contact_table(answer, explained))


def summary(answer: ImpactAnswer) -> Text:
    """`db-orders-01 failed: 4 services are down, 2 at risk; 31 CIs are affected in all.`"""
    names = ", ".join(ci.name for ci in answer.failed)
    line = Text().append_text(plain(names, "bold")).append(" failed: ")
    if not answer.services:
        line.append("no service is affected")
    else:
        hit = Counter(service.state for service in answer.services)
        parts = [f"{hit[state]} {words(state)}" for state in _STATES if hit[state]]
        total = len(answer.services)
        line.append(f"{total} service{'s' if total > 1 else ''} affected ({', '.join(parts)})")
    counts = answer.counts
    cis = counts.down + counts.degraded + counts.at_risk
    others = "1 other CI" if cis == 1 else f"{cis} other CIs"
    return line.append(f"; {others} in all" if cis else "; no other CI either")


def priority(answer: ImpactAnswer) -> Text:
    """`Priority 1 (Critical): Checkout (criticality 1) is down`, and what it follows from."""
    found = answer.priority
    line = Text(f"Priority {found.priority} ({found.label})", style="bold")
    line.append(": ", style="not bold").append_text(plain(found.reason, "not bold"))
    return line.append(f" [impact {found.impact}, urgency {found.urgency}]", style="not bold dim")


def service_table(services: Sequence[AffectedService]) -> Table:
    """The services, worst first."""
    return _table("Service", services)


def reason_trees(services: Sequence[Explained]) -> list[Tree]:
    """A tree for each failed CI: how its failure reached these services, step by step."""
    trees: dict[int, Tree] = {}
    branches: dict[tuple[int, ...], Tree] = {}
    named = {service.id for service in services}
    for service in services:
        place: tuple[int, ...] = ()
        above: PathStep | None = None
        for step in service.path:
            place = (*place, step.id)
            if place not in branches:
                label = _label(step, above, is_service=step.id in named)
                if len(place) == 1:
                    branches[place] = trees[step.id] = Tree(label)
                else:
                    branches[place] = branches[place[:-1]].add(label)
            above = step
    return list(trees.values())


def reason(step: PathStep, provider: CIName | None) -> str:
    """Why a CI is in its state, in words; `provider` is the CI before it on the path."""
    because = step.because
    needs = f"{provider.name if provider else 'a provider'} ({because.relationship_type})"
    state = f", which is {words(provider.state)}" if isinstance(provider, PathStep) else ""
    if because.kind == "failed":
        return "it failed"
    if because.kind == "redundancy":
        return (
            f"{because.up} of {because.members} members of group '{because.group}' are up,"
            f" {because.min_up} needed"
        )
    if because.kind == "optional":
        return f"it uses {needs}{state}"
    return f"it needs {needs}{state}"


def contact_table(answer: ImpactAnswer, shown: int | None) -> Table:
    """Whom to call, for which services; those with the worst hit first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Call")
    table.add_column("Owner")
    table.add_column("For")
    for contact in answer.contacts[:shown]:
        table.add_row(
            plain(contact.support_group or "-"),
            plain(contact.owner or "-"),
            plain(", ".join(contact.services)),
        )
    return table


def words(name: str) -> str:
    """`at_risk`, `business_service`: as people say it."""
    return name.replace("_", " ")


def _table(noun: str, affected: Sequence[AffectedItem | AffectedService]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("State", no_wrap=True)
    table.add_column(noun)
    table.add_column("Class")
    table.add_column("Crit.", justify="right")
    table.add_column("Steps", justify="right")
    for each in affected:
        criticality = each.criticality if isinstance(each, AffectedService) else None
        table.add_row(
            Text(words(each.state), style=STYLES[each.state]),
            plain(each.name),
            plain(words(each.ci_class)),
            str(criticality or "-"),
            str(each.distance),
        )
    return table


def _label(step: PathStep, above: PathStep | None, *, is_service: bool) -> Text:
    label = plain(step.name, "bold" if is_service else "")
    label.append(f" ({words(step.ci_class)}) ", style="not bold dim")
    if step.because.kind == "failed":
        return label.append("failed", style="bold red")
    verb = Text("is ", style="not bold").append(words(step.state), style=STYLES[step.state])
    why = plain(f" because {reason(step, above)}", "not bold")
    return label.append_text(verb).append_text(why)
