"""Vector indexes against exact search with numpy, under any sequence of changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsatlas.errors import InvalidInputError
from search.embedder import Vectors
from search.indexes import VectorIndex, open_vector_index, rows
from search.indexes import faiss_index as limits
from search.indexes.approximate import Kind
from search.indexes.faiss_index import FaissIndex
from search.indexes.rows import Precision

DIMENSIONS = 8
NAMES = ("flat", "pq", "ivf", "hnsw", "auto")


def unit(seed: int, count: int = 1, dimensions: int = DIMENSIONS) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    vectors: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return vectors


def ids(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


@pytest.fixture(params=NAMES)
def index(request: pytest.FixtureRequest) -> VectorIndex:
    return open_vector_index(request.param, DIMENSIONS)


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Structures are built, extended and built anew at a few vectors already."""
    monkeypatch.setattr(limits, "_SCANNED_AT_MOST", 3)
    monkeypatch.setattr(rows, "FEW", 2)


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


def test_half_precision_keeps_cosines_to_three_digits() -> None:
    index = open_vector_index("flat", DIMENSIONS, precision="fp16")
    vectors = unit(1, 200)
    index.put(np.arange(200), vectors)
    found, cosines = index.search(vectors[3], 10)
    assert found[0] == 3
    np.testing.assert_allclose(cosines, vectors[found] @ vectors[3], atol=1e-3)
    np.testing.assert_allclose(index.vectors(ids(7)), vectors[[7]], atol=1e-3)


operations = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "settle"]), st.lists(st.integers(0, 24), max_size=12)
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=25)
@pytest.mark.usefixtures("early")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("kind", [None, "pq", "ivf", "hnsw"])
@given(steps=operations, seed=st.integers(0, 1000))
def test_any_changes_give_what_exact_search_over_the_rest_gives(
    kind: Kind | None, precision: Precision, steps: list[tuple[str, list[int]]], seed: int
) -> None:
    """Never one that is gone, always the cosine of what was put last; and without a structure the
    very order of exact search."""
    tolerance = 1e-5 if precision == "fp32" else 2e-3
    # There must be a vector for each of sixteen codes.
    build_from = 16 if kind == "pq" else 5
    index = FaissIndex(DIMENSIONS, kind=kind, build_from=build_from, precision=precision)
    held: dict[int, Vectors] = {}
    for number, (operation, named) in enumerate(steps):
        if operation == "put":
            vectors = unit(seed + number, len(named))
            index.put(ids(*named), vectors)
            held |= dict(zip(named, vectors, strict=True))
        elif operation == "remove":
            index.remove(ids(*named))
            held = {id_: vector for id_, vector in held.items() if id_ not in named}
        else:
            index.settle()
        asked = unit(seed + 999 + number)[0]
        _check(index, held, asked, tolerance)
        if index.state[1] is None:
            exact = sorted((float(vector @ asked) for vector in held.values()), reverse=True)[:5]
            assert index.search(asked, 5)[1].tolist() == pytest.approx(exact, abs=tolerance)
    index.settle()
    _check(index, held, unit(seed + 998)[0], tolerance)


def _check(index: VectorIndex, held: dict[int, Vectors], asked: Vectors, tolerance: float) -> None:
    found, cosines = index.search(asked, 5)
    assert len(index) == len(held)
    assert len(found) == min(5, len(held))
    assert list(cosines) == sorted(cosines, reverse=True)
    assert len(set(found.tolist())) == len(found)
    assert set(found.tolist()) <= set(held)
    assert cosines.tolist() == pytest.approx(
        [float(held[id_] @ asked) for id_ in found.tolist()], abs=tolerance
    )
    if held:
        np.testing.assert_allclose(
            index.vectors(ids(*held)), np.stack(list(held.values())), atol=tolerance
        )


def clustered(seed: int, count: int) -> Vectors:
    """Vectors as texts have them: many about few things."""
    things = unit(1, 60, 64)
    random = np.random.default_rng(seed)
    drawn = things[random.integers(0, 60, count)] + 0.6 * unit(seed, count, 64)
    vectors: Vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return vectors


@pytest.mark.parametrize("kind", ["pq", "ivf", "hnsw"])
def test_a_large_index_finds_nearly_all_that_exact_search_finds(kind: Kind) -> None:
    vectors, questions = clustered(2, 12_000), clustered(3, 50)
    index = FaissIndex(64, kind=kind)
    index.put(np.arange(8_000), vectors[:8_000])
    index.settle()
    assert index.state[1] is not None
    index.put(np.arange(8_000, 12_000), vectors[8_000:])  # extended by these
    index.settle()
    gone = np.arange(0, 12_000, 4)
    index.remove(gone)  # so many that all is built anew
    index.settle()
    assert index.state[0].given_up == 0
    exact = questions @ vectors.T
    exact[:, gone] = -1
    shares = []
    for row, question in enumerate(questions):
        found, _ = index.search(question, 10)
        assert not set(found.tolist()) & set(gone.tolist())
        shares.append(len(set(found.tolist()) & set(np.argsort(-exact[row])[:10].tolist())) / 10)
    assert np.mean(shares) >= 0.99


def test_codes_find_what_is_left_where_nearly_all_that_lay_near_is_gone() -> None:
    vectors, near = clustered(2, 6_000), clustered(8, 1)[0]
    index = FaissIndex(64, kind="pq")
    index.put(np.arange(6_000), vectors)
    index.settle()
    nearest = np.argsort(-(vectors @ near))
    index.remove(nearest[:215])
    assert index.state[0].given_up == 215  # few enough that nothing is built anew
    found, _ = index.search(near, 10)
    assert len(set(found.tolist()) & set(nearest[215:225].tolist())) >= 9


def test_a_structure_of_another_kind_is_not_taken_over() -> None:
    vectors = clustered(2, 2_000)
    lists, codes = FaissIndex(64, kind="ivf"), FaissIndex(64, kind="pq")
    lists.put(np.arange(2_000), vectors)
    lists.settle()
    codes.restore(*lists.state)
    codes.settle()
    structure = codes.state[1]
    assert structure is not None
    assert structure.kind == "pq"


def test_what_is_put_while_a_structure_is_built_is_found_at_once() -> None:
    index = FaissIndex(64, kind="hnsw")
    vectors = clustered(4, 6_000)
    index.put(np.arange(6_000), vectors)  # starts the building
    late = clustered(5, 1)
    index.put(ids(7_000), late)
    index.remove(ids(17))
    assert index.search(late[0], 1)[0].tolist() == [7_000]
    assert 17 not in index.search(vectors[17], 20)[0]
    index.settle()
    assert index.search(late[0], 1)[0].tolist() == [7_000]
    assert 17 not in index.search(vectors[17], 20)[0]


def test_an_index_that_is_stopped_goes_on_answering() -> None:
    index = FaissIndex(64, kind="hnsw")
    index.stop()
    vectors = clustered(4, 2_000)
    index.put(np.arange(2_000), vectors)
    index.settle()
    assert index.state[1] is None
    assert index.search(vectors[5], 1)[0].tolist() == [5]
