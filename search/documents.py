"""Putting documents into the search tables and taking them out again."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from opsatlas import revision
from opsatlas.groups import UNGROUPED, audience_of
from search.models import SearchDocument, SearchPassage
from search.passages import PASSAGE_WORDS, split_into_passages

DOCUMENT_CHANGED = "search_document"
"""Kind under which the change table names a changed document, by its id."""

TITLE = 0
"""Ordinal of the passage that is the title alone."""

NAMED_AT_ONCE = revision.NAMED_IN_A_LOAD
"""Documents that one unit of work names in the change table: collections read so many in pieces."""

_AT_A_TIME = 500
# PostgreSQL takes no NUL, and no encoding has room for half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TextDocument:
    """A document as its owner hands it over; (`kind`, `key`) names it."""

    kind: str
    key: str
    title: str
    text: str
    groups: frozenset[str] = UNGROUPED
    """Who may find it: readers in any of these; everyone where there are none."""


@dataclass(frozen=True, slots=True)
class PutCounts:
    """What `put_documents` did."""

    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    content_hash: bytes
    audience: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    document: TextDocument
    content_hash: bytes
    passages: list[str]


def put_documents(
    session: Session, documents: Iterable[TextDocument], *, passage_words: int = PASSAGE_WORDS
) -> PutCounts:
    """Create or update documents; one that has not changed is left alone.

    Of two documents with one name the last is kept. A changed document is found by its words from
    the commit on, by its meaning once `encoding.encode_missing` has been round. One of which only
    the groups changed counts as updated, and keeps its passages and their vectors.
    """
    latest = {(document.kind, document.key): document for document in documents}
    created: list[_Prepared] = []
    updated: list[tuple[int, _Prepared]] = []
    refiled: dict[int, str] = {}
    unchanged = 0
    for chunk in _chunks(latest.values()):
        stored = _stored(session, chunk)
        for document in chunk:
            before = stored.get((document.kind, document.key))
            content_hash = _content_hash(document, passage_words)
            if before is None:
                created.append(_prepare(document, content_hash, passage_words))
            elif before.content_hash != content_hash:
                updated.append((before.id, _prepare(document, content_hash, passage_words)))
            elif before.audience != (audience := audience_of(document.groups)):
                refiled[before.id] = audience
            else:
                unchanged += 1
    written = _insert(session, created) + _update(session, updated) + _refile(session, refiled)
    revision.note(session, DOCUMENT_CHANGED, written, most=NAMED_AT_ONCE)
    return PutCounts(len(created), len(updated) + len(refiled), unchanged)


def remove_documents(session: Session, kind: str, keys: Collection[str]) -> int:
    """Take documents out; returns how many there were. Their vectors stay until pruned."""
    removed: list[int] = []
    for chunk in _chunks(keys):
        named = SearchDocument.kind == kind, SearchDocument.key.in_(chunk)
        removed += session.scalars(select(SearchDocument.id).where(*named))
        session.execute(
            delete(SearchPassage).where(
                SearchPassage.document_id.in_(select(SearchDocument.id).where(*named))
            )
        )
        session.execute(delete(SearchDocument).where(*named))
    revision.note(session, DOCUMENT_CHANGED, removed, most=NAMED_AT_ONCE)
    return len(removed)


def storable(text: str) -> str:
    """`text` with a replacement character for each sign that no database and no model takes."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _stored(session: Session, documents: Sequence[TextDocument]) -> dict[tuple[str, str], _Stored]:
    """Those that are stored, by (kind, key)."""
    stored: dict[tuple[str, str], _Stored] = {}
    for kind in {document.kind for document in documents}:
        rows = session.execute(
            select(
                SearchDocument.key,
                SearchDocument.id,
                SearchDocument.content_hash,
                SearchDocument.audience,
            ).where(
                SearchDocument.kind == kind,
                SearchDocument.key.in_([d.key for d in documents if d.kind == kind]),
            )
        )
        stored |= {(kind, row.key): _Stored(row.id, row.content_hash, row.audience) for row in rows}
    return stored


def _prepare(document: TextDocument, content_hash: bytes, passage_words: int) -> _Prepared:
    title, text = storable(document.title), storable(document.text)
    heading = " ".join(title.split())
    return _Prepared(
        TextDocument(document.kind, document.key, title, text, document.groups),
        content_hash,
        [heading, *split_into_passages(title, text, words=passage_words)],
    )


def _insert(session: Session, created: Sequence[_Prepared]) -> list[int]:
    if not created:
        return []
    ids = session.scalars(
        insert(SearchDocument).returning(SearchDocument.id, sort_by_parameter_order=True),
        [{"kind": new.document.kind, "key": new.document.key, **_columns(new)} for new in created],
    ).all()
    _insert_passages(session, zip(ids, created, strict=True))
    return list(ids)


def _update(session: Session, updated: Sequence[tuple[int, _Prepared]]) -> list[int]:
    if not updated:
        return []
    session.execute(
        update(SearchDocument),
        [{"id": document_id, **_columns(new)} for document_id, new in updated],
    )
    ids = [document_id for document_id, _ in updated]
    for chunk in _chunks(ids):
        session.execute(delete(SearchPassage).where(SearchPassage.document_id.in_(chunk)))
    _insert_passages(session, updated)
    return ids


def _refile(session: Session, audiences: Mapping[int, str]) -> list[int]:
    if audiences:
        session.execute(
            update(SearchDocument),
            [{"id": document_id, "audience": each} for document_id, each in audiences.items()],
        )
    return list(audiences)


def _columns(new: _Prepared) -> dict[str, str | bytes]:
    document = new.document
    return {
        "title": document.title,
        "text": document.text,
        "audience": audience_of(document.groups),
        "content_hash": new.content_hash,
    }


def _insert_passages(session: Session, documents: Iterable[tuple[int, _Prepared]]) -> None:
    rows = [
        {
            "document_id": document_id,
            "ordinal": ordinal,
            "text": text,
            "content_hash": hashlib.sha256(text.encode()).digest(),
        }
        for document_id, new in documents
        for ordinal, text in enumerate(new.passages, start=TITLE)
        if text
    ]
    if rows:
        session.execute(insert(SearchPassage), rows)


def _content_hash(document: TextDocument, passage_words: int) -> bytes:
    parts = (str(passage_words), storable(document.title), storable(document.text))
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _AT_A_TIME)):
        yield chunk
