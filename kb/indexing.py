"""Keeping search in step with the records: the encoding job, and putting everything in anew."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from kb.chunks import chunks
from kb.documents import ENCODE, document, enqueue_encoding
from kb.nouns import NOUNS, Noun
from kb.writing import DEFAULT_POLICY, WritePolicy
from opsatlas import revision
from opsatlas.worker import Handler
from search.documents import put_documents, remove_documents
from search.embedder import Embedder
from search.encoding import encode_missing
from search.models import SearchDocument

__all__ = ["ENCODE", "enqueue_encoding", "handlers", "reindex"]


def handlers(
    engine: Engine,
    embedder: Embedder,
    *,
    batch_size: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Handler]:
    """The jobs of this room, for the worker. One that finds no model fails and is tried again."""

    def encode(_payload: dict[str, Any]) -> None:
        encode_missing(engine, embedder, batch_size=batch_size, should_stop=should_stop)

    return {ENCODE: encode}


def reindex(session: Session, policy: WritePolicy = DEFAULT_POLICY) -> dict[str, int]:
    """Put every record into search again and take out what is no record any more.

    What is right already stays as it is, and no text is encoded twice. Returns how many documents
    were `created`, `updated`, `unchanged` and `removed`.
    """
    revision.lock(session)
    done = dict.fromkeys(("created", "updated", "unchanged", "removed"), 0)
    for noun in NOUNS:
        if noun.suggested:
            _reindex(session, noun, policy, done)
    enqueue_encoding(session)
    return done


def _reindex(
    session: Session, noun: Noun[Any, Any, Any], policy: WritePolicy, done: dict[str, int]
) -> None:
    numbers = set(session.scalars(select(noun.model.number)))
    names = ("number", "title", "visibility", *noun.texts)
    for chunk in chunks(sorted(numbers)):
        rows = session.execute(
            select(*(getattr(noun.model, name) for name in names)).where(
                noun.model.number.in_(chunk)
            )
        )
        documents = [document(noun, dict(zip(names, row, strict=True))) for row in rows]
        counts = put_documents(session, documents, passage_words=policy.passage_words)
        done["created"] += counts.created
        done["updated"] += counts.updated
        done["unchanged"] += counts.unchanged
    indexed = session.scalars(select(SearchDocument.key).where(SearchDocument.kind == noun.kind))
    done["removed"] += remove_documents(session, noun.kind, set(indexed) - numbers)
