"""Tables of the retrieval: documents, the passages they are split into, vectors of the passages."""

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Model


class SearchDocument(Model):
    """A text that can be found. `kind` and `key` are its owner's words for it."""

    __tablename__ = "search_document"
    __table_args__ = (UniqueConstraint("kind", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    key: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    audience: Mapped[str] = mapped_column(server_default=sql("''"))
    """Who may find it: see `opsatlas.groups`."""
    content_hash: Mapped[bytes]
    """SHA-256 of title, text and the way they are split: when it is equal, nothing changed."""


class SearchPassage(Model):
    """What is encoded of a document: `ordinal` 0 is its title alone, 1 and on its passages."""

    __tablename__ = "search_passage"
    __table_args__ = (
        UniqueConstraint("document_id", "ordinal"),
        Index("ix_search_passage_content_hash", "content_hash"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    document_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("search_document.id", ondelete="CASCADE")
    )
    ordinal: Mapped[int]
    text: Mapped[str]
    content_hash: Mapped[bytes]
    """SHA-256 of `text`: equal passages of any documents share one vector."""


class SearchVector(Model):
    """What a model makes of a text; kept by content, so that nothing is encoded twice."""

    __tablename__ = "search_vector"

    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    dimensions: Mapped[int]
    vector: Mapped[bytes]
    """Little-endian float32, of unit length."""


class SearchWords(Model):
    """The words of a text as a model sees them, beside its vector: see `late_interaction.py`."""

    __tablename__ = "search_words"

    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    words: Mapped[bytes]
    """Four bits a dimension, word after word."""
