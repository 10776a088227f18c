"""The lexical index: BM25 over analysed terms, held in memory by tantivy.

Why tantivy, and what it was measured against: docs/decisions/0004-lexical-engine.md. Terms are
made by `terms.py` alone, and queries are put together from terms, never parsed: no text can be a
query's syntax.
"""

import shutil
import weakref
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import tantivy

from opsatlas.groups import UNGROUPED
from search.id_map import IdMap
from search.lexical_fields import (
    Committed,
    LexicalEntry,
    count_terms,
    document_of,
    idf,
    schema,
    shelf_token,
)
from search.lexical_query import LexicalQuery, query_of
from search.saved_files import LexicalParts, link_files
from search.shelves import Shelf, readable
from search.term_vectors import HeldTerms, TermVectors
from search.terms import analyse

POSTINGS = 400_000
"""Postings that one search reads, some 2 ms: of 36 terms among 100,000 documents reading all took
8.4 ms, of which most went to terms that every second document has."""

_TRIES = 20
"""How often files are linked before it is given up that tantivy holds still."""

# The least that tantivy takes for one writing thread.
_WRITER_HEAP = 15_000_000


@dataclass(frozen=True, slots=True)
class LexicalMatch:
    """What of a query a document has."""

    share: float
    """0 to 1: the share of the query's idf mass. Comparable across queries."""
    words: list[str]
    """The query's words that matched, rarest first."""


class LexicalIndex:
    """Any number of threads may read; writers must take turns.

    How rare a term is, is counted over the documents that the caller may read, so that neither
    order nor share nor the words that match tell of others. Only the mean length of a document,
    one number of BM25's, is of all of them.
    """

    def __init__(self, folder: Path | None = None, parts: LexicalParts | None = None) -> None:
        """`folder` keeps it on disk, for this index alone and as long as it lives; with `parts` it
        goes on from what is there. Raises ValueError for what tantivy cannot read."""
        self._schema = schema()
        self._folder = folder
        self._index = tantivy.Index(self._schema, path=None if folder is None else str(folder))
        if folder is not None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        spaces = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("terms", spaces)
        self._writer = self._index.writer(_WRITER_HEAP, 1)
        self._shelf_of = IdMap()
        """Where in `_named` the shelf of each document is."""
        self._named: list[Shelf] = []
        self._shelves: Counter[Shelf] = Counter()
        self._vectors = TermVectors(None if parts is None else parts.vectors)
        if parts is not None:
            self._shelf_of = IdMap(parts.documents, parts.shelf)
            self._named = list(parts.shelves)
            counts = np.bincount(parts.shelf, minlength=len(self._named)).tolist()
            self._shelves = Counter(dict(zip(self._named, counts, strict=True)))
        self._committed = Committed(self._index.searcher(), +self._shelves)
        self._replaced = 0

    def __len__(self) -> int:
        return len(self._shelf_of)

    @property
    def replaced(self) -> int:
        """Entries taken out since the index was made. Until tantivy merges their segments they
        still count in document frequencies (never in answers); many of them call for a rebuild.
        """
        return self._replaced

    @property
    def on_disk(self) -> bool:
        """Whether it lies in files."""
        return self._folder is not None

    def apply(self, put: Iterable[LexicalEntry] = (), remove: Collection[int] = ()) -> None:
        """Take out `remove`, add or replace `put`; searches see all of it at once, or none."""
        for id_ in remove:
            if id_ in self._shelf_of:
                self._delete(id_)
        for entry in put:
            if entry.id in self._shelf_of:
                self._delete(entry.id)
            title, text = ([term for term, _ in analyse(of)] for of in (entry.title, entry.text))
            self._writer.add_document(document_of(entry, title + text))
            self._vectors.put(entry.id, title, text)
            if entry.shelf not in self._shelves:
                self._named.append(entry.shelf)
            self._shelf_of.put(entry.id, self._named.index(entry.shelf))
            self._shelves[entry.shelf] += 1
        self._writer.commit()
        self._index.reload()
        self._committed = Committed(self._index.searcher(), +self._shelves)

    def copy_to(self, folder: Path) -> LexicalParts | None:
        """Have its files in `folder` too; None where it is not kept on disk. No one may write
        meanwhile. Raises OSError where tantivy tidies up all the time."""
        if self._folder is None:
            return None
        for _ in range(_TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            # tantivy may be merging segments: then one is gone before it is linked.
            with suppress(FileNotFoundError):
                link_files(self._folder, folder, leave_out=(".lock",))
                if _documents_in(folder) == len(self):
                    break
        else:
            raise OSError("the lexical index did not hold still")
        documents, shelf = self._shelf_of.items()
        return LexicalParts(documents, shelf, list(self._named), self._vectors.parts())

    def query(
        self, text: str, keys: Iterable[str] = (), groups: frozenset[str] | None = UNGROUPED
    ) -> LexicalQuery:
        """What to look for, of any text, by a caller in `groups` (None: one who reads all).

        The same on every index that holds the same documents for that caller. `keys` are those
        words of the text that name a fault: they count more, and are always among the terms that
        are looked for.
        """
        committed = self._committed
        return query_of(text, keys, lambda terms: count_terms(committed, terms, groups))

    def search(
        self,
        query: LexicalQuery,
        limit: int,
        *,
        kinds: Collection[str] | None = None,
        groups: frozenset[str] | None = UNGROUPED,
        but: Collection[int] = (),
    ) -> dict[int, float]:
        """BM25 by id, best first, of documents that have any of the terms in title or text.

        Where the terms are in more than `POSTINGS` documents together, the most frequent ones are
        left out: they tell least, and reading who has them takes longest. `held` knows all.
        Only what a caller in `groups` (None: one who reads all) may read is searched, of `kinds`
        where they are given, and never those in `but`.
        """
        if not query.weights or not limit:
            return {}
        committed = self._committed
        shelves = readable(committed.shelves, groups, kinds)
        clauses = [(tantivy.Occur.Must, self._any_term(query, committed.searcher))]
        if len(shelves) < len(committed.shelves):
            clauses.append(self._on_shelves(shelves))
        if but:
            held = tantivy.Query.term_set_query(self._schema, "id", list(but))
            clauses.append((tantivy.Occur.MustNot, held))
        return dict(_found(committed.searcher, clauses, limit))

    def idf(
        self, terms: Iterable[str], groups: frozenset[str] | None = UNGROUPED
    ) -> dict[str, float]:
        """How rare each term is among what a caller in `groups` (None: all) may read."""
        counted = count_terms(self._committed, terms, groups)
        return {term: idf(count, counted.documents) for term, count in counted.frequencies.items()}

    def shelves(
        self, groups: frozenset[str] | None = UNGROUPED, kinds: Collection[str] | None = None
    ) -> dict[Shelf, int]:
        """How many documents stand on each shelf that a caller in `groups` may read."""
        held = self._committed.shelves
        return {shelf: held[shelf] for shelf in readable(held, groups, kinds)}

    def held(self, ids: Sequence[int], *queries: LexicalQuery) -> HeldTerms:
        """What documents have of the terms of these queries. Nobody may write meanwhile."""
        return self._vectors.held(ids, {term for query in queries for term in query.weights})

    def matches(self, query: LexicalQuery, ids: Sequence[int]) -> dict[int, LexicalMatch]:
        """What each document of `ids` has of the query; those that have nothing are left out.
        Nobody may write meanwhile."""
        if not query.counts:
            return {}
        # Of equally rare ones the longer first: the identifier, then its parts.
        terms = sorted(query.counts, key=lambda term: (-query.idf[term], -len(term), term))
        whole = sum(query.idf.values())
        held = self._vectors.held(ids, terms).whole > 0
        matches = {}
        for row in np.flatnonzero(held.any(axis=1)).tolist():
            of_row = [terms[column] for column in np.flatnonzero(held[row]).tolist()]
            matches[ids[row]] = LexicalMatch(
                sum(query.idf[term] for term in of_row) / whole,
                [query.words[term] for term in of_row],
            )
        return matches

    def _any_term(self, query: LexicalQuery, searcher: tantivy.Searcher) -> tantivy.Query:
        """Any of the terms, of those that many documents have only as many as there is time for."""
        boosts = query.counts | query.synonyms
        frequencies = {term: searcher.doc_freq("all", term) for term in boosts}
        rarest_first = sorted(boosts, key=frequencies.__getitem__)
        read = accumulate(frequencies[term] for term in rarest_first)
        within = [
            term for term, so_far in zip(rarest_first, read, strict=True) if so_far <= POSTINGS
        ]
        return tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.boost_query(
                        tantivy.Query.term_query(self._schema, "all", term, "freq"),
                        boosts[term] * query.corrections.get(term, 1.0),
                    ),
                )
                for term in within or rarest_first[:1]
            ]
        )

    def _on_shelves(self, shelves: Iterable[Shelf]) -> tuple[tantivy.Occur, tantivy.Query]:
        """A clause that must hold and adds nothing to the score."""
        tokens = [shelf_token(shelf) for shelf in shelves]
        held = tantivy.Query.term_set_query(self._schema, "shelf", tokens)
        return tantivy.Occur.Must, tantivy.Query.const_score_query(held, 0.0)

    def _delete(self, id_: int) -> None:
        self._writer.delete_documents_by_term("id", id_)
        self._vectors.remove(id_)
        self._shelves[self._named[self._shelf_of.pop(id_)]] -= 1
        self._replaced += 1


def _documents_in(folder: Path) -> int:
    try:
        return int(tantivy.Index.open(str(folder)).searcher().num_docs)
    except ValueError:
        return -1


def _found(
    searcher: tantivy.Searcher, clauses: list[tuple[tantivy.Occur, tantivy.Query]], limit: int
) -> list[tuple[int, float]]:
    """Id and score of the best that fit anything, best first."""
    hits = searcher.search(tantivy.Query.boolean_query(clauses), limit, count=False).hits
    ids = searcher.fast_field_values("id", [address for _, address in hits])
    return [
        (int(id_), score)
        for id_, (score, _) in zip(ids, hits, strict=True)
        # Every document has an id; the field's type does not know.
        if id_ is not None and score
    ]
