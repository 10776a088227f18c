"""The terms of each document, to score a few documents against a question without a search.

An inverted index answers which documents have a term; here stands which terms a document has. What
a question's candidates score, and which of its words they have, is then read off some hundred short
arrays: a tenth of what asking the inverted index about chosen documents takes.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search.fusion import Scores
from search.id_map import MISSING, IdMap

K1, B = 1.2, 0.75
"""Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; what tantivy takes too."""

CHUNK = 1 << 18
"""Entries of one chunk (2 MB), and the different terms that are kept of one document at most."""

Entries = NDArray[np.uint64]
"""(k,): for each term of a document 48 bits of its hash, then 8 bits how often it stands in title
and text together and 8 bits how often in the title. Two terms of a million share a hash with a
chance of 1 in 300; a question's word and one of its candidates' with 1 in hundreds of millions."""

_MOST = 255
_HASHED, _TITLED, _LOW = np.uint64(16), np.uint64(8), np.uint64(0xFF)


Slots = NDArray[np.int64]
"""(n, 4): where the entries of a document begin and how many there are; how many terms it has in
all and in its title, each time counted."""


@dataclass(frozen=True, slots=True)
class TermVectorParts:
    """All of it, for a file."""

    chunks: list[Entries]
    documents: NDArray[np.int64]
    slots: Slots


@dataclass(frozen=True, slots=True)
class HeldTerms:
    """How often each of some documents has each of some terms."""

    columns: Mapping[str, int]
    whole: NDArray[np.float32]
    """(n, t): in title and text."""
    title: NDArray[np.float32]
    _lengths: NDArray[np.float32]
    """(n, 2): length of the whole and of the title, in means."""

    def bm25(self, weights: Mapping[str, float], *, in_title: bool = False) -> Scores:
        """(n,): by the weight of each term, its inverse document frequency and what it counts."""
        weight = np.zeros(len(self.columns), np.float32)
        for term, worth in weights.items():
            weight[self.columns[term]] = worth
        often, length = (self.title if in_title else self.whole), self._lengths[:, int(in_title)]
        norm = K1 * (1 - B + B * length)
        scores: Scores = ((K1 + 1) * often / (often + norm[:, None])) @ weight
        return scores.astype(np.float64)


class TermVectors:
    """Documents by id. A writer must be alone."""

    def __init__(self, parts: TermVectorParts | None = None) -> None:
        """`parts` is what it goes on from."""
        self._chunks: list[Entries] = []
        self._end = 0
        self._slot_of = IdMap()
        self._slots: Slots = np.empty((0, 4), np.int64)
        self._next = 0
        self._sums = np.zeros(2)
        if parts is not None:
            self._restore(parts)

    def put(self, id_: int, title: Sequence[str], text: Iterable[str]) -> None:
        """Add a document or replace it, by its terms in any order."""
        self.remove(id_)
        in_title = Counter(title)
        in_all = in_title + Counter(text)
        entries = np.fromiter(
            (
                hash_of(term) << 16 | min(often, _MOST) << 8 | min(in_title[term], _MOST)
                for term, often in in_all.items()
            ),
            np.uint64,
            len(in_all),
        )[:CHUNK]
        self._make_room(len(entries))
        self._entries(self._end, len(entries))[:] = entries
        self._slots[self._next] = self._end, len(entries), in_all.total(), len(title)
        self._sums += self._slots[self._next, 2:]
        self._slot_of.put(id_, self._next)
        self._next += 1
        self._end += len(entries)

    def remove(self, id_: int) -> None:
        """Take a document out; one that is not there is ignored. Its entries go on taking room."""
        slot = self._slot_of.pop(id_)
        if slot != MISSING:
            self._sums -= self._slots[slot, 2:]

    def held(self, ids: Sequence[int], terms: Collection[str]) -> HeldTerms:
        """How often each document of `ids` has each of `terms`; those that are gone have none."""
        columns = {term: column for column, term in enumerate(dict.fromkeys(terms))}
        places = self._slot_of.of(np.array(ids, np.int64))
        rows = np.flatnonzero(places != MISSING)
        slots = self._slots[places[rows]]
        means = np.maximum(self._sums / max(len(self._slot_of), 1), 1.0)
        lengths = np.zeros((len(ids), 2), np.float32)
        lengths[rows] = slots[:, 2:] / means
        whole, title = np.zeros((2, len(ids), len(columns)), np.float32)
        if len(rows) and columns:
            entries = np.concatenate([self._entries(*each) for each in slots[:, :2].tolist()])
            found, hits = _found(entries >> _HASHED, [hash_of(term) for term in columns])
            of_row = np.repeat(rows, slots[:, 1])[hits]
            whole[of_row, found] = entries[hits] >> _TITLED & _LOW
            title[of_row, found] = entries[hits] & _LOW
        return HeldTerms(columns, whole, title, lengths)

    def parts(self) -> TermVectorParts:
        """As it is now; others may go on writing."""
        whole, rest = divmod(self._end, CHUNK)
        chunks = [*self._chunks[:whole], *([self._chunks[whole][:rest]] if rest else [])]
        documents, places = self._slot_of.items()
        return TermVectorParts(chunks, documents, self._slots[places])

    def _entries(self, start: int, count: int) -> Entries:
        chunk, at = divmod(start, CHUNK)
        # A document without terms may begin behind the last chunk.
        return self._chunks[chunk][at : at + count] if count else np.empty(0, np.uint64)

    def _make_room(self, count: int) -> None:
        """For one document more; no document lies in two chunks."""
        if self._end + count > len(self._chunks) * CHUNK:
            self._end = len(self._chunks) * CHUNK
            # The pages of what is not written yet take no memory.
            self._chunks.append(np.zeros(CHUNK, np.uint64))
        if self._next == len(self._slots):
            grown = np.zeros((max(1_024, 2 * self._next), 4), np.int64)
            grown[: self._next] = self._slots
            self._slots = grown

    def _restore(self, parts: TermVectorParts) -> None:
        for chunk in parts.chunks:
            whole = chunk
            if len(chunk) < CHUNK:
                whole = np.zeros(CHUNK, np.uint64)
                whole[: len(chunk)] = chunk
            self._chunks.append(whole)
        self._end = sum(map(len, parts.chunks))
        self._slots, self._next = parts.slots, len(parts.slots)
        self._slot_of = IdMap(parts.documents, np.arange(self._next))
        self._sums = parts.slots[:, 2:].sum(axis=0).astype(np.float64)


def _found(hashes: Entries, asked: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of `asked` some of the hashes are, and the places of those in `hashes`."""
    order = np.argsort(np.array(asked, np.uint64))
    in_order = np.array(asked, np.uint64)[order]
    nearest = np.minimum(np.searchsorted(in_order, hashes), len(asked) - 1)
    hits = np.flatnonzero(in_order[nearest] == hashes)
    return order[nearest[hits]], hits


@lru_cache(maxsize=100_000)
def hash_of(term: str) -> int:
    """48 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=6).digest())
