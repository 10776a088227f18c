"""Vector indexes against exact search with numpy, under any sequence of changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsatlas.errors import InvalidInputError
from search.embedder import Vectors
from search.indexes import VectorIndex, open_vector_index

DIMENSIONS = 8


def unit(seed: int, count: int = 1) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    vectors: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors


def ids(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


@pytest.fixture
def index() -> VectorIndex:
    return open_vector_index("flat", DIMENSIONS)


def test_the_nearest_come_first_with_their_cosines(index: VectorIndex) -> None:
    vectors = unit(1, 20)
    index.put(np.arange(20), vectors)
    found, cosines = index.search(vectors[7], 3)
    assert found[0] == 7
    assert cosines[0] == pytest.approx(1.0, abs=1e-5)
    assert list(cosines) == sorted(cosines, reverse=True)


def test_an_id_put_again_has_only_its_new_vector(index: VectorIndex) -> None:
    old, new = unit(1), unit(2)
    index.put(ids(5), old)
    index.put(ids(5), new)
    found, cosines = index.search(new[0], 10)
    assert found.tolist() == [5]
    assert cosines[0] == pytest.approx(1.0, abs=1e-5)
    assert len(index) == 1


def test_a_removed_id_is_gone_and_an_unknown_one_is_ignored(index: VectorIndex) -> None:
    index.put(ids(1, 2), unit(1, 2))
    index.remove(ids(2, 99))
    assert index.search(unit(1)[0], 10)[0].tolist() == [1]
    with pytest.raises(KeyError, match="2"):
        index.vectors(ids(1, 2))


def test_an_empty_index_answers_nothing(index: VectorIndex) -> None:
    found, cosines = index.search(unit(1)[0], 10)
    assert len(found) == len(cosines) == 0


def test_an_unknown_index_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="flat"):
        open_vector_index("annoy", DIMENSIONS)


operations = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.lists(st.integers(0, 12), max_size=6)),
    max_size=12,
)


@settings(deadline=None)
@given(operations, st.integers(0, 1000))
def test_any_changes_give_what_exact_search_over_the_rest_gives(
    steps: list[tuple[str, list[int]]], seed: int
) -> None:
    index = open_vector_index("flat", DIMENSIONS)
    held: dict[int, Vectors] = {}
    for number, (operation, named) in enumerate(steps):
        if operation == "put":
            vectors = unit(seed + number, len(named))
            index.put(ids(*named), vectors)
            held |= dict(zip(named, vectors, strict=True))
        else:
            index.remove(ids(*named))
            held = {id_: vector for id_, vector in held.items() if id_ not in named}
    asked = unit(seed + 999)[0]
    found, cosines = index.search(asked, 5)
    exact = sorted(((float(vector @ asked), id_) for id_, vector in held.items()), reverse=True)[:5]
    assert len(index) == len(held)
    assert found.tolist() == [id_ for _, id_ in exact]
    assert cosines.tolist() == pytest.approx([cosine for cosine, _ in exact], abs=1e-5)
    if held:
        np.testing.assert_allclose(
            index.vectors(ids(*held)), np.stack(list(held.values())), atol=1e-6
        )
