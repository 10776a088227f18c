"""The lexical engines that `bench.lexical` compares, each behind the same three calls."""

import re
import sqlite3
from collections.abc import Sequence
from typing import Protocol

import bm25s
import psycopg
import Stemmer

from search.documents import TextDocument
from search.lexical import LexicalIndex
from search.lexical_fields import LexicalEntry
from search.shelves import Shelf
from search.terms import analyse

_WORD = re.compile(r"\w+")


class Engine(Protocol):
    """Documents are known by their place in the list."""

    def build(self, documents: Sequence[TextDocument]) -> None: ...

    def search(self, text: str, limit: int) -> list[int]:
        """Places, best first."""

    def replace(self, place: int, document: TextDocument) -> None:
        """Afterwards a search sees the new text and not the old."""


class Tantivy:
    """The product's own index."""

    def __init__(self) -> None:
        self._index = LexicalIndex()

    def build(self, documents: Sequence[TextDocument]) -> None:
        self._index.apply(_entry(place, document) for place, document in enumerate(documents))

    def search(self, text: str, limit: int) -> list[int]:
        return list(self._index.search(self._index.query(text), limit))

    def replace(self, place: int, document: TextDocument) -> None:
        self._index.apply([_entry(place, document)])


class Fts5:
    """SQLite FTS5 with its porter stemmer."""

    tokenizer = "porter unicode61 remove_diacritics 2"

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            f'CREATE VIRTUAL TABLE document USING fts5(text, tokenize="{self.tokenizer}")'
        )

    def build(self, documents: Sequence[TextDocument]) -> None:
        self._database.executemany(
            "INSERT INTO document(rowid, text) VALUES (?, ?)",
            ((place, self._analysed(_whole(d))) for place, d in enumerate(documents)),
        )

    def search(self, text: str, limit: int) -> list[int]:
        asked = " OR ".join(f'"{word}"' for word in self._words(text))
        rows = self._database.execute(
            "SELECT rowid FROM document WHERE document MATCH ? ORDER BY bm25(document) LIMIT ?",
            (asked or '""', limit),
        )
        return [place for (place,) in rows]

    def replace(self, place: int, document: TextDocument) -> None:
        self._database.execute(
            "UPDATE document SET text = ? WHERE rowid = ?",
            (self._analysed(_whole(document)), place),
        )

    def _analysed(self, text: str) -> str:
        return text

    def _words(self, text: str) -> list[str]:
        return _WORD.findall(text)


class Fts5Terms(Fts5):
    """SQLite FTS5 over the product's terms."""

    tokenizer = "unicode61 remove_diacritics 0 tokenchars '-._'"

    def _analysed(self, text: str) -> str:
        return " ".join(_terms(text))

    def _words(self, text: str) -> list[str]:
        return _terms(text)


class PostgresTextSearch:
    """PostgreSQL's English text search with a GIN index.

    `ts_rank` with normalisation 1 is the best of its rankings here; `ts_rank_cd`, which looks for
    the words close together, is far worse on questions of many words.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("DROP TABLE IF EXISTS document")
        self._connection.execute(
            "CREATE TABLE document (place int PRIMARY KEY, text text, terms tsvector"
            " GENERATED ALWAYS AS (to_tsvector('english', text)) STORED)"
        )

    def build(self, documents: Sequence[TextDocument]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY document (place, text) FROM STDIN") as copy,
        ):
            for place, document in enumerate(documents):
                copy.write_row((place, _whole(document)))
        self._connection.execute("CREATE INDEX ON document USING gin (terms)")
        self._connection.execute("ANALYZE document")

    def search(self, text: str, limit: int) -> list[int]:
        rows = self._connection.execute(
            "SELECT place FROM document,"
            " to_tsquery('english', array_to_string(tsvector_to_array("
            "to_tsvector('simple', %s)), '|')) AS asked"
            " WHERE terms @@ asked ORDER BY ts_rank(terms, asked, 1) DESC LIMIT %s",
            (" ".join(_WORD.findall(text)), limit),
        )
        return [place for (place,) in rows]

    def replace(self, place: int, document: TextDocument) -> None:
        self._connection.execute(
            "UPDATE document SET text = %s WHERE place = %s", (_whole(document), place)
        )


class Bm25s:
    """bm25s with its own tokenizer and PyStemmer; a change means building anew."""

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("english")
        self._tokens: list[list[str]] = []
        self._retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)

    def build(self, documents: Sequence[TextDocument]) -> None:
        self._tokens = self._analysed([_whole(document) for document in documents])
        self._index()

    def search(self, text: str, limit: int) -> list[int]:
        found, _ = self._retriever.retrieve(
            self._analysed([text]), k=min(limit, len(self._tokens)), show_progress=False
        )
        return [int(place) for place in found[0]]

    def replace(self, place: int, document: TextDocument) -> None:
        self._tokens[place] = self._analysed([_whole(document)])[0]
        self._index()

    def _index(self) -> None:
        self._retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        self._retriever.index(self._tokens, show_progress=False)

    def _analysed(self, texts: list[str]) -> list[list[str]]:
        tokens: list[list[str]] = bm25s.tokenize(
            texts, stopwords="en", stemmer=self._stemmer, return_ids=False, show_progress=False
        )
        return tokens


class Bm25sTerms(Bm25s):
    """bm25s over the product's terms."""

    def _analysed(self, texts: list[str]) -> list[list[str]]:
        return [_terms(text) for text in texts]


def _whole(document: TextDocument) -> str:
    return f"{document.title}\n{document.text}"


def _terms(text: str) -> list[str]:
    return [term for term, _ in analyse(text)]


def _entry(place: int, document: TextDocument) -> LexicalEntry:
    return LexicalEntry(place, Shelf(document.kind), document.title, document.text)
