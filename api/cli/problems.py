"""`opsatlas problems` and `opsatlas incidents groups`: incidents that are probably of one cause."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.past import FORMS, moment
from api.cli.start import Json, begin
from api.cli.tables import table

_NOTICES = {
    "incidents_left_out": "there are more incidents than are compared at once: the newest were",
    "not_encoded": "some incidents have no vectors yet: these were compared by words only",
}
_SHOWN = 6
"""Numbers of incidents in one row."""

problems = typer.Typer(no_args_is_help=True, help="Causes behind incidents.")

Since = Annotated[
    str | None, typer.Option(help=f"Only incidents that were opened then or later ({FORMS}).")
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Most of them to list.")]
Offset = Annotated[int, typer.Option(min=0, max=10_000_000, help="Leave out so many.")]


@problems.command("candidates")
def candidates(
    since: Since = None,
    min_incidents: Annotated[
        int, typer.Option(min=2, max=1000, help="Fewer incidents are no candidate.")
    ] = 3,
    similarity: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1, help="Mean likeness of a candidate's incidents, 0.3 unless said."
        ),
    ] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    as_json: Json = False,
) -> None:
    """Propose problems: incidents without a known error that resemble each other."""
    asked: dict[str, Any] = {"min_incidents": min_incidents, "limit": limit, "offset": offset}
    if similarity is not None:
        asked["similarity"] = similarity
    answer = _asked("/problems/candidates", asked, since)
    if as_json:
        terminal.print_json(answer)
        return
    _tell(answer["notices"])
    if not answer["count"]:
        terminal.stdout.print(
            f"None of {answer['considered']:,} incidents without a known error resemble each other."
        )
        return
    rows = (
        (
            each["name"],
            str(each["count"]),
            str(each["impact"]),
            each["last_opened"][:10],
            [*_numbers(each), each["next_step"]],
        )
        for each in answer["results"]
    )
    columns = ("Candidate", "Incidents", "Impact", "Last", "Which, and what next")
    terminal.stdout.print(table(columns, rows))
    _tell_more(answer)


def groups(
    since: Since = None, limit: Limit = 20, offset: Offset = 0, as_json: Json = False
) -> None:
    """Group open incidents that are probably one trouble, such as a storm of alerts."""
    asked: dict[str, Any] = {"limit": limit, "offset": offset}
    answer = _asked("/incidents/groups", asked, since)
    if as_json:
        terminal.print_json(answer)
        return
    _tell(answer["notices"])
    if not answer["count"]:
        terminal.stdout.print(
            f"None of {answer['open_incidents']:,} open incidents resemble each other."
        )
        return
    rows = (
        (
            each["duplicate_of"],
            each["title"],
            str(each["count"]),
            f"{each['confidence']:.0%}",
            [", ".join(each["common_terms"]), ", ".join(each["cis"][:_SHOWN])],
        )
        for each in answer["results"]
    )
    columns = ("First", "Title", "Incidents", "Sure", "In common")
    terminal.stdout.print(table(columns, rows))
    terminal.stdout.print(f"{answer['alone']:,} open incidents resemble no other.")
    _tell_more(answer)


def _asked(path: str, asked: dict[str, Any], since: str | None) -> Any:
    settings = begin()
    if since is not None:
        asked["since"] = moment(since, "--since")
    with connected(settings) as client:
        return client.get(path, asked)


def _tell(notices: list[str]) -> None:
    for notice in notices:
        terminal.note(_NOTICES.get(notice, notice))


def _tell_more(answer: dict[str, Any]) -> None:
    if answer["next"]:
        terminal.note(f"{answer['count']:,} in all: --limit and --offset show the others")


def _numbers(candidate: dict[str, Any]) -> list[str]:
    numbers = [each["number"] for each in candidate["incidents"]]
    more = candidate["count"] - _SHOWN
    shown = ", ".join(numbers[:_SHOWN])
    return [f"{shown} and {more:,} more" if more > 0 else shown]
