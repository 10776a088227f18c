"""`opsatlas weak-points`: where services are weak, before anything fails."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.start import Json, begin


class Kind(StrEnum):
    SINGLE_POINT = "single_point"
    HIDDEN_DEPENDENCY = "hidden_dependency"
    NO_SPARE = "no_spare"
    CIRCLE = "circle"
    NO_INFRASTRUCTURE = "no_infrastructure"


def weak_points(
    service: Annotated[
        str | None, typer.Option(help="Only what takes this service down, or any CI, by name.")
    ] = None,
    kinds: Annotated[
        list[Kind] | None, typer.Option("--kind", help="Only this kind; may be said again.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Most of each list.")] = 10,
    offset: Annotated[
        int, typer.Option(min=0, max=10_000_000, help="Leave out so many of each list.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Show single points of failure, groups that are no redundancy, circles, and services of
    which nobody knows what they stand on."""
    asked: dict[str, object] = {"limit": limit, "offset": offset}
    if service is not None:
        asked["service"] = service
    if kinds:
        asked["kind"] = [kind.value for kind in kinds]
    with connected(begin()) as client:
        answer = client.get("/weak-points", asked)
    if as_json:
        terminal.print_json(answer)
        return
    from api.cli import weak_points_text
    from kb.weak_point_schemas import WeakPointsAnswer

    weak_points_text.show(WeakPointsAnswer.model_validate(answer, extra="ignore"), service)
