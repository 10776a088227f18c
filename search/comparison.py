"""Comparing documents of a collection with each other, and a question with some of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from opsatlas.groups import UNGROUPED
from search import repository
from search.collection import Collection, Question
from search.likeness import Matrix, Told, likeness, told

_AT_A_TIME = 5_000  # parameters of one statement


@dataclass(frozen=True, slots=True)
class Compared:
    """Documents in the order in which they were given."""

    texts: list[Told]
    idf: dict[str, float]
    likeness: Matrix
    """(n, n), 0 to 1."""
    encoded: bool
    """Whether all of them have vectors; those that have none are compared by their words."""


def texts_of(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Title and text of these documents, by id; those that are gone are left out."""
    return {
        entry.id: f"{entry.title}\n{entry.text}"
        for start in range(0, len(ids), _AT_A_TIME)
        for entry in repository.entries(session, ids[start : start + _AT_A_TIME])
    }


def compare(
    collection: Collection, texts: Mapping[int, str], groups: frozenset[str] | None = UNGROUPED
) -> Compared:
    """Documents with each other: `texts` by id. How rare terms are is counted for `groups`; that
    the caller may read the documents is for who asks to know."""
    read = [told(text) for text in texts.values()]
    vectors = collection.vectors_of(list(texts))
    idf = collection.idf({term for each in read for term in each.counts}, groups)
    return Compared(
        read, idf, likeness(read, vectors, idf), all(each is not None for each in vectors)
    )


def compare_with(
    collection: Collection,
    text: str,
    question: Question,
    texts: Mapping[int, str],
    groups: frozenset[str] | None = UNGROUPED,
) -> Matrix:
    """(n,), 0 to 1: how alike a question is to each document of `texts`, given by id; `question`
    is what its `text` became."""
    read = [told(text), *map(told, texts.values())]
    asked = [each for each in (question.whole_vector, question.line_vector) if each is not None]
    vectors = [np.stack(asked) if asked else None, *collection.vectors_of(list(texts))]
    idf = collection.idf({term for each in read for term in each.counts}, groups)
    alike: Matrix = likeness(read, vectors, idf)[0, 1:]
    return alike
