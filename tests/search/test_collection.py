"""The collection in memory: what is removed or replaced leaves nothing behind."""

import numpy as np
import pytest

from search.collection import Collection, Question
from search.embedder import Vectors
from search.fusion import Signal
from search.in_memory import VectorsInMemory
from search.lexical_fields import LexicalEntry
from search.meaning import DocumentVectors
from search.shelves import Shelf

EAST, NORTH = np.eye(2, dtype=np.float32)
INCIDENTS = Shelf("incident")


def collection(*documents: tuple[int, str, Vectors]) -> Collection:
    """Documents of an id, a text and the direction of their title and of their one passage."""
    made = Collection(VectorsInMemory(dimensions=2))
    made.apply(
        [LexicalEntry(id_, INCIDENTS, "", text) for id_, text, _ in documents],
        [DocumentVectors(id_, INCIDENTS, v, {10 * id_: v}) for id_, _, v in documents],
    )
    return made


def question(of: Collection, text: str, vector: Vectors | None = None) -> Question:
    return Question(of.query(text), of.query(text), vector, vector)


def test_both_rankers_bring_candidates_and_every_candidate_has_every_signal() -> None:
    made = collection((1, "pool", NORTH), (2, "disk", EAST))
    found = made.candidates(question(made, "pool", EAST), 1)
    assert found.ids == [1, 2]
    assert found.signals[Signal.LEXICAL][1] == 0.0
    assert found.signals[Signal.SEMANTIC].tolist() == [0.0, 1.0]
    assert found.signals[Signal.TITLE_LINE].tolist() == [0.0, 1.0]
    assert found.passages == [10, 20]


def test_a_removed_document_takes_no_place_in_any_ranking() -> None:
    made = collection((1, "pool", EAST), (2, "pool", EAST), (3, "pool", NORTH))
    made.apply(remove=[1, 2])
    assert made.semantic_ranking(EAST, 1) == {3: 0.0}
    assert made.lexical_ranking(made.query("pool"), 1).keys() == {3}
    assert made.candidates(question(made, "pool", EAST), 1).ids == [3]


def test_a_replaced_document_has_no_meaning_until_it_is_encoded_again() -> None:
    made = collection((1, "pool", EAST))
    made.apply([LexicalEntry(1, INCIDENTS, "", "pool is fine")])
    found = made.candidates(question(made, "pool", EAST), 5)
    assert found.ids == [1]
    assert np.isnan(found.signals[Signal.SEMANTIC]).all()
    assert found.passages == [None]
    made.apply(vectors=[DocumentVectors(1, INCIDENTS, None, {11: NORTH})])
    found = made.candidates(question(made, "pool", NORTH), 5)
    assert found.signals[Signal.SEMANTIC].tolist() == pytest.approx([1.0])
    assert np.isnan(found.signals[Signal.TITLE_LINE]).all()


def test_a_document_counts_by_its_best_passage() -> None:
    made = Collection(VectorsInMemory(dimensions=2))
    made.apply(
        [LexicalEntry(1, Shelf("article"), "", "pool")],
        [DocumentVectors(1, Shelf("article"), None, {7: NORTH, 8: EAST, 9: NORTH})],
    )
    found = made.candidates(question(made, "nothing", EAST), 5)
    assert (found.ids, found.passages) == ([1], [8])
    assert found.signals[Signal.SEMANTIC].tolist() == [1.0]
    assert made.semantic_ranking(EAST, 5) == {1: 1.0}


def test_without_a_model_candidates_are_found_by_words_alone() -> None:
    made = collection((1, "pool", EAST), (2, "disk", EAST))
    found = made.candidates(question(made, "pool"), 5)
    assert found.ids == [1]
    assert np.isnan(found.signals[Signal.SEMANTIC]).all()


def test_a_candidate_of_the_other_ranker_is_scored_by_words_too() -> None:
    made = collection((1, "pool " * 9, NORTH), (2, "a pool of many", EAST), (3, "pool " * 9, NORTH))
    found = made.candidates(question(made, "pool", EAST), 1)
    assert 2 in found.ids
    assert (found.signals[Signal.LEXICAL] > 0).all()
