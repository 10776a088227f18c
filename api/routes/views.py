"""Views: everything that a service stands on, and all that stands on a CI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api import examples, view_examples
from api.as_of import AsOf
from api.auth import Held, Reader
from api.ids import Id
from api.strict_route import StrictRoute
from cmdb.view import FOLD, ViewQuestion, answer_view
from cmdb.view_drawings import dot, graphml, mermaid
from cmdb.view_schemas import View
from cmdb.view_tree import tree
from cmdb.view_walk import Direction
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, prefix="/cis", tags=["configuration items"])

Format = Literal["json", "graphml", "dot", "mermaid", "tree"]
_FORMS: dict[Format, tuple[Callable[[View], Iterator[str]], str]] = {
    "graphml": (graphml, "application/graphml+xml"),
    "dot": (dot, "text/vnd.graphviz"),
    "mermaid": (mermaid, "text/vnd.mermaid"),
    "tree": (tree, "text/plain"),
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "content": examples.answer(view_examples.VIEW)["content"]
        | {media_type: {"schema": {"type": "string"}} for _, media_type in _FORMS.values()}
    }
}


@router.get("/{id}/view", response_model=View, responses=_ANSWER)
def get_view(
    id: Id,  # noqa: A002 - as the address says it
    held: Held,
    _caller: Reader,
    direction: Annotated[
        Direction,
        Query(description="`providers`: what it stands on; `dependents`: what stands on it"),
    ] = "providers",
    depth: Annotated[
        int | None, Query(ge=0, le=1_000_000, description="Only so many relationships away")
    ] = None,
    format: Annotated[Format, Query(description="`json` or a drawing")] = "json",  # noqa: A002
    fold: Annotated[
        int,
        Query(ge=0, le=1000, description="Fold more than so many of a class; 0: nothing"),
    ] = FOLD,
    max_nodes: Annotated[
        int | None, Query(ge=1, le=10_000_000, description="Most CIs, the nearest first")
    ] = None,
    as_of: AsOf = None,
) -> Response:
    """Everything that a configuration item stands on, or that stands on it, as a graph or tree."""
    question = ViewQuestion(id, direction, depth, fold, max_nodes, as_of)
    with reading(held.engine) as session:
        live = None if as_of else held.live.current(session)
        found = answer_view(
            session, held.graphs, live, question, max_nodes=held.settings.view_max_nodes
        )
    if format == "json":
        return Response(found.model_dump_json(), media_type="application/json")
    draw, media_type = _FORMS[format]
    text = "".join(draw(found)).encode("utf-8", "replace")
    return Response(text, media_type=f"{media_type}; charset=utf-8")
