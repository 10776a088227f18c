"""`opsatlas suggest`: what has worked before, for the words of an incident."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import Client, connected
from api.cli.failures import UsageError
from api.cli.start import Json, begin
from opsatlas.settings import Settings


class Kind(StrEnum):
    INCIDENT = "incident"
    KNOWN_ERROR = "known_error"
    ARTICLE = "article"


def suggest(
    text: Annotated[
        str, typer.Argument(help="What is seen, in any words; - reads standard input.")
    ],
    cis: Annotated[
        list[str] | None, typer.Option("--ci", metavar="NAME", help="A CI that suffers.")
    ] = None,
    kinds: Annotated[
        list[Kind] | None, typer.Option("--kind", help="Only suggestions of this kind.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most suggestions.")] = 5,
    lexical: Annotated[
        bool,
        typer.Option("--lexical", help="Compare words only; do not wait for the local model."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Suggest workarounds, fixes and runbooks for an incident, with their evidence."""
    settings = begin()
    if lexical and settings.url:
        raise UsageError(
            "--lexical is for the local database", hint="a server chooses what it compares by"
        )
    question: dict[str, Any] = {"text": _words(text, settings), "limit": limit}
    if cis:
        question["cis"] = cis
    if kinds:
        question["kinds"] = kinds
    with connected(settings) as client:
        if not lexical:
            warm_up(client, settings)
        answer = client.post("/suggestions", question)
    if as_json:
        terminal.print_json(answer)
        return
    from api.cli import suggest_text
    from kb.suggest_schemas import SuggestionAnswer

    suggest_text.show(SuggestionAnswer.model_validate(answer, extra="ignore"), lexical=lexical)


def warm_up(client: Client, settings: Settings) -> None:
    """Wait until the model of this process is there, and say what it has not read yet."""
    held = client.local
    if held is None or not settings.embedding_enabled:
        return
    from opsatlas.db.transaction import reading
    from search.encoding import count_missing
    from search.spaces import served

    with reading(held.engine) as session:
        held.models.see(served(session))
    embedder = held.models.serving
    with terminal.waiting("loading the embedding model"):
        ready = embedder.wait()
    if not ready:
        terminal.note(f"by words only: {embedder.error}")
        return
    with reading(held.engine) as session:
        missing = count_missing(session, embedder.model_id)
    if missing:
        terminal.note(
            f"{missing:,} passages are not encoded yet and are found by their words only:"
            " `opsatlas reindex` encodes them, as does a running server"
        )


def _words(text: str, settings: Settings) -> str:
    from api.cli import piped
    from search.query import MAX_CHARACTERS

    # More is not read of a question anyway.
    most = min(settings.suggest_max_text, MAX_CHARACTERS)
    text = piped.question(most) if text == "-" else piped.argument(text)
    if not text.strip():
        raise UsageError("there is no text", hint="say what is seen: an error, an alert, a call")
    return text
