"""What documents have of a question's terms, against counting them one by one."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import term_vectors
from search.term_vectors import TermVectors

TERMS = ["pool", "exhaust", "order", "db-orders-01", "timeout", "größe"]

terms = st.lists(st.sampled_from(TERMS), max_size=8)
steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 9), terms, terms),
        st.integers(0, 9),  # to be removed
        st.none(),  # to be saved and opened again
    ),
    max_size=30,
)
Held = dict[int, tuple[list[str], list[str]]]


def after(done: list[tuple[int, list[str], list[str]] | int | None]) -> tuple[TermVectors, Held]:
    made = TermVectors()
    held: Held = {}
    for step in done:
        if step is None:
            made = TermVectors(made.parts())
        elif isinstance(step, int):
            made.remove(step)
            held.pop(step, None)
        else:
            made.put(*step)
            held[step[0]] = step[1], step[2]
    return made, held


def bm25(counts: Counter[str], mean: float, weights: dict[str, float]) -> float:
    """The formula as it stands in the book, with its numbers."""
    length = counts.total()
    return math.fsum(
        worth * 2.2 * counts[term] / (counts[term] + 1.2 * (0.25 + 0.75 * length / mean))
        for term, worth in weights.items()
        if counts[term]
    )


@given(steps, st.dictionaries(st.sampled_from([*TERMS, "never said"]), st.floats(0.1, 9)))
@pytest.mark.parametrize("chunk", [8, term_vectors.CHUNK])
def test_scores_are_those_of_counting_whatever_came_and_went(
    chunk: int,
    done: list[tuple[int, list[str], list[str]] | int | None],
    weights: dict[str, float],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(term_vectors, "CHUNK", chunk)
        made, held = after(done)
        asked = [*range(10), 4711]
        found = made.held(asked, weights)
    whole = {id_: Counter(title + text) for id_, (title, text) in held.items()}
    titles = {id_: Counter(title) for id_, (title, _) in held.items()}
    for counted, in_title in ((whole, False), (titles, True)):
        mean = max(sum(map(Counter.total, counted.values())) / max(len(held), 1), 1.0)
        expected = [bm25(counted.get(id_, Counter()), mean, weights) for id_ in asked]
        assert found.bm25(weights, in_title=in_title) == pytest.approx(expected, rel=1e-4)
    for term in weights:
        column = found.whole[:, found.columns[term]]
        assert column.tolist() == [whole.get(id_, Counter())[term] for id_ in asked]


def test_a_term_counts_up_to_255_times_and_of_a_boundless_document_the_first_terms() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(term_vectors, "CHUNK", 8)
        made = TermVectors()
        made.put(1, ["pool"] * 300, [])
        made.put(2, [], [f"word{n}" for n in range(50)])
        made.put(3, [], ["disk"])
        found = made.held([1, 2, 3], ["pool", "word0", "word49", "disk"])
    assert found.whole.tolist() == [[255, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


def test_what_is_saved_stays_as_it_was_while_others_write() -> None:
    made = TermVectors()
    made.put(1, ["pool"], ["exhaust"])
    saved = made.parts()
    made.put(1, ["disk"], [])
    made.put(2, ["timeout"], [])
    opened = TermVectors(saved).held([1, 2], ["pool", "exhaust", "disk", "timeout"])
    assert np.array_equal(opened.whole, [[1, 1, 0, 0], [0, 0, 0, 0]])
