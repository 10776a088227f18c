"""The queries that fill a collection and put names to what it finds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from opsatlas.db.prepared import listed
from search.documents import TITLE
from search.embedder import Vectors
from search.encoding import vector_from_bytes
from search.lexical_fields import LexicalEntry
from search.meaning import DocumentVectors
from search.models import SearchDocument, SearchPassage, SearchVector, SearchWords
from search.shelves import Shelf

_ROWS_AT_A_TIME = 2_000

_DOCUMENTS = select(
    SearchDocument.id,
    SearchDocument.kind,
    SearchDocument.key,
    SearchDocument.title,
    SearchDocument.audience,
).where(SearchDocument.id.in_(listed("ids")))

_PASSAGES = (
    select(SearchPassage.document_id, SearchPassage.text)
    .where(
        or_(SearchPassage.id.in_(listed("ids")), SearchPassage.document_id.in_(listed("without"))),
        SearchPassage.ordinal != TITLE,
    )
    .order_by(SearchPassage.document_id, SearchPassage.ordinal)
)

_WORDS = (
    select(SearchPassage.document_id, SearchPassage.ordinal, SearchWords.words)
    .join(SearchWords, SearchWords.content_hash == SearchPassage.content_hash)
    .where(
        or_(
            SearchPassage.id.in_(listed("ids")),
            and_(
                SearchPassage.document_id.in_(listed("documents")), SearchPassage.ordinal == TITLE
            ),
        ),
        SearchWords.model_id == bindparam("model_id"),
    )
)


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """What an answer shows of a document."""

    kind: str
    key: str
    title: str
    audience: str


def entries(session: Session, ids: Sequence[int] | None = None) -> Iterator[LexicalEntry]:
    """Documents as the lexical index takes them: those of `ids`, or all."""
    query = select(
        SearchDocument.id,
        SearchDocument.kind,
        SearchDocument.title,
        SearchDocument.text,
        SearchDocument.audience,
    )
    if ids is not None:
        query = query.where(SearchDocument.id.in_(ids))
    for row in session.execute(query.execution_options(yield_per=_ROWS_AT_A_TIME)):
        yield LexicalEntry(row.id, Shelf(row.kind, row.audience), row.title, row.text)


def count(session: Session) -> int:
    """How many documents there are."""
    return session.scalar(select(func.count()).select_from(SearchDocument)) or 0


def document_vectors(
    session: Session, model_id: str, ids: Sequence[int] | None = None
) -> Iterator[DocumentVectors]:
    """The vectors that `model_id` has made so far, document by document."""
    query = (
        select(
            SearchDocument.id,
            SearchDocument.kind,
            SearchDocument.audience,
            SearchPassage.id.label("passage_id"),
            SearchPassage.ordinal,
            SearchVector.vector,
        )
        .join(SearchPassage, SearchPassage.document_id == SearchDocument.id)
        .join(SearchVector, _is_of(model_id))
        .order_by(SearchDocument.id, SearchPassage.ordinal)
    )
    if ids is not None:
        query = query.where(SearchDocument.id.in_(ids))
    rows = session.execute(query.execution_options(yield_per=_ROWS_AT_A_TIME))
    by_document = groupby(rows, key=lambda row: (row.id, Shelf(row.kind, row.audience)))
    for (id_, shelf), of_document in by_document:
        title: Vectors | None = None
        passages: dict[int, Vectors] = {}
        for row in of_document:
            if row.ordinal == TITLE:
                title = vector_from_bytes(row.vector)
            else:
                passages[row.passage_id] = vector_from_bytes(row.vector)
        yield DocumentVectors(id_, shelf, title, passages)


def found_documents(session: Session, ids: Sequence[int]) -> dict[int, FoundDocument]:
    """Documents that are still there, by id."""
    rows = session.execute(_DOCUMENTS, {"ids": ids})
    return {row.id: FoundDocument(row.kind, row.key, row.title, row.audience) for row in rows}


def passages(session: Session, named: Mapping[int, int | None]) -> dict[int, list[str]]:
    """By document, the passage that is named for it, or all its passages in their order where none
    is; without the title alone. What is gone is left out."""
    found: dict[int, list[str]] = {id_: [] for id_ in named}
    ids = [passage for passage in named.values() if passage is not None]
    without = [id_ for id_, passage in named.items() if passage is None]
    for row in session.execute(_PASSAGES, {"ids": ids, "without": without}):
        if row.document_id in found:
            found[row.document_id].append(row.text)
    return found


def words_of(
    session: Session, model_id: str, named: Mapping[int, int]
) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """By document the words of the passage that is named for it, and those of its title, as
    `late_interaction.stored` made them; of those that have some of this model."""
    values = {"model_id": model_id, "ids": list(named.values()), "documents": list(named)}
    passages: dict[int, bytes] = {}
    titles: dict[int, bytes] = {}
    for row in session.execute(_WORDS, values):
        (titles if row.ordinal == TITLE else passages)[row.document_id] = row.words
    return passages, titles


def _is_of(model_id: str) -> ColumnElement[bool]:
    return and_(
        SearchVector.content_hash == SearchPassage.content_hash, SearchVector.model_id == model_id
    )
