"""What was asked beside an impact answer, for people: reasons in full, paths, what would change."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from api.cli.impact_text import STYLES, reason_trees, words
from api.cli.terminal import plain, stdout
from cmdb.explanation_schemas import ExplainedItem, WhyItem
from cmdb.full_impact import FullImpactAnswer
from cmdb.impact_schemas import CIName
from cmdb.what_if_schemas import ChangedService, WhatIfAnswer


def show(answer: FullImpactAnswer, shown: int | None) -> None:
    """What the answer has beside the plain one; of services the `shown` worst (None: all)."""
    if answer.why is not None:
        _show_paths(answer.why)
    if answer.explanation is not None:
        asked: list[CIName] = [*answer.services[:shown], *(answer.why or ())]
        _show_facts(answer.explanation, asked)
    if answer.what_if is not None:
        _show_difference(answer.what_if, shown)


def _show_paths(asked: Sequence[WhyItem]) -> None:
    stdout.print()
    for each in asked:
        if each.state == "operational":
            stdout.print(plain(each.name, "bold").append(" is not affected", "not bold"))
    for tree in reason_trees([each for each in asked if each.path]):
        stdout.print(tree)


def _show_facts(explanation: Sequence[ExplainedItem], asked: Sequence[CIName]) -> None:
    facts = {each.id: each for each in explanation}
    for ci in {each.id: each for each in asked if each.id in facts}.values():
        stdout.print()
        line = Text("Why ").append_text(plain(ci.name, "bold"))
        stdout.print(line.append(f" is {words(facts[ci.id].state)}, in full:"))
        wanted = {ci.id}
        for each in reversed(explanation):
            if each.id in wanted:
                wanted.update(on.provider for on in each.rests_on)
        for each in explanation:
            if each.id in wanted:
                stdout.print(plain(f"- {_fact(each, facts)}"))


def _fact(each: ExplainedItem, facts: dict[int, ExplainedItem]) -> str:
    """`orders-api is down: it needs 2 of group 'dbs' (3 members); db-1, db-2 are down`."""
    because = each.because
    if because.kind == "failed":
        return f"{each.name} failed"
    on = [facts[support.provider] for support in each.rests_on]
    names = ", ".join(one.name for one in on)
    state = f"{each.name} is {words(each.state)}: "
    if because.kind == "redundancy":
        are = "are" if len(on) > 1 else "is"
        needed = f"it needs {because.min_up} of the {because.members} in group '{because.group}'"
        return f"{state}{needed}; {names} {are} {words(on[0].state)}"
    verb = "uses" if because.kind == "optional" else "needs"
    return f"{state}it {verb} {names} ({because.relationship_type}), which is {words(on[0].state)}"


def _show_difference(what_if: WhatIfAnswer, shown: int | None) -> None:
    difference = what_if.difference
    stdout.print()
    names = ", ".join(each.name for each in what_if.after.failed) or "nothing"
    stdout.print(Text("What if: ", "bold").append_text(plain(f"{names} failed", "not bold")))
    for said, counts in (("worse", difference.worse), ("better", difference.better)):
        if counts.configuration_items:
            hit = "1 service" if counts.services == 1 else f"{counts.services} services"
            cis = counts.configuration_items
            items = "1 CI" if cis == 1 else f"{cis} CIs"
            stdout.print(f"  {hit} would be {said} off; {items} in all")
    if not difference.worse.configuration_items and not difference.better.configuration_items:
        stdout.print("  nothing would change")
    before, after = what_if.before.priority, what_if.after.priority
    reason = f"  Priority {before.priority} ({before.label}) -> {after.priority} ({after.label}): "
    stdout.print(plain(reason + after.reason))
    services = difference.services[:shown]
    if not services:
        return
    stdout.print()
    stdout.print(_table(services))
    left = len(difference.services) - len(services)
    if left:
        stdout.print(plain(f"… and {left} more services (--all shows them)", "dim"))
    for tree in reason_trees([each for each in services if each.path]):
        stdout.print()
        stdout.print(tree)


def _table(services: Sequence[ChangedService]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Now", no_wrap=True)
    table.add_column("Then", no_wrap=True)
    table.add_column("Service")
    table.add_column("Crit.", justify="right")
    for each in services:
        table.add_row(
            Text(words(each.before), style=STYLES.get(each.before, "")),
            Text(words(each.after), style=STYLES.get(each.after, "green")),
            plain(each.name),
            str(each.criticality or "-"),
        )
    return table
