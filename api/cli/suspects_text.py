"""Suspects for people: who, how sure, why; pairs; what to look at next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.cli.impact_text import words
from api.cli.terminal import plain, stdout
from kb.suspect_schemas import NextCheck, Pair, Suspect, SuspectsAnswer

_EXPLAINED = 3
"""Suspects whose path is told; the likeliest come first."""
_PAIRS = 3


def show(answer: SuspectsAnswer, symptoms: int, explained: int = _EXPLAINED) -> None:
    """The whole answer, the paths of the `explained` likeliest; `symptoms`: how many were named."""
    stdout.print(_table(answer.suspects, symptoms))
    if answer.truncated:
        stdout.print(plain("not all candidates could be weighed: name more symptoms", "dim"))
    for suspect in answer.suspects[:explained]:
        stdout.print()
        stdout.print(plain(suspect.name, "bold"))
        for line in _reasons(suspect):
            stdout.print(_indented(line))
    if answer.pairs:
        stdout.print()
        stdout.print(Text("Or two at once:", style="bold"))
        for pair in answer.pairs[:_PAIRS]:
            stdout.print(_indented(_pair(pair)))
    if answer.check_next:
        stdout.print()
        stdout.print(Text("Check next:", style="bold"))
        for check in answer.check_next:
            _show_check(check)


def _table(suspects: Sequence[Suspect], symptoms: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Likely", justify="right", no_wrap=True)
    table.add_column("Suspect")
    table.add_column("Class")
    table.add_column("Explains", no_wrap=True)
    table.add_column("Changes", justify="right")
    table.add_column("Incidents", justify="right")
    for each in suspects:
        table.add_row(
            f"{each.score:.0%}",
            plain(each.name),
            plain(words(each.ci_class)),
            f"{len(each.explains)} of {symptoms}",
            str(len(each.recent_changes) or "-"),
            str(each.past_incidents or "-"),
        )
    return table


def _indented(line: Text, by: int = 2) -> Padding:
    """The line, and what of it does not fit, set in."""
    return Padding(line, (0, 0, 0, by))


def _reasons(suspect: Suspect) -> list[Text]:
    lines = []
    for each in suspect.paths[:_EXPLAINED]:
        steps = " > ".join(step.name for step in each.path)
        lines.append(plain(f"{each.symptom} is {words(each.path[-1].state)}: {steps}"))
    if suspect.misses:
        lines.append(plain(f"does not explain {', '.join(suspect.misses)}"))
    if suspect.contradicts:
        lines.append(plain(f"yet these work: {', '.join(suspect.contradicts)}"))
    if suspect.unreported:
        more = "service" if suspect.unreported == 1 else "services"
        lines.append(plain(f"would affect {suspect.unreported} more {more}"))
    for change in suspect.recent_changes[:_EXPLAINED]:
        when = f"{change.when:%Y-%m-%d %H:%M} UTC"
        lines.append(plain(f"changed {when}: {change.number} {change.title}"))
    return lines


def _pair(pair: Pair) -> Text:
    names = " and ".join(each.name for each in pair.configuration_items)
    return plain(f"{pair.score:.0%}  {names}: {', '.join(pair.explains)}")


def _show_check(check: NextCheck) -> None:
    line = plain(check.name, "bold").append(f" ({words(check.ci_class)})", style="not bold dim")
    stdout.print(_indented(line))
    for said, left in (("suffers", check.if_affected), ("works", check.if_fine)):
        stdout.print(_indented(plain(f"if it {said}: {', '.join(left)}"), 4))
