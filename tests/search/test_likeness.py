"""Likeness of documents: what is alike, and what must not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.likeness import (
    MEANING,
    WORDS,
    likeness,
    likeness_of_meaning,
    likeness_of_words,
    told,
)
from search.terms import analyse

TEXTS = st.lists(
    st.text(alphabet="ab cd-12\n", max_size=30).filter(lambda text: any(analyse(text))),
    min_size=1,
    max_size=8,
)


def _idf(texts: list[str], rarity: float = 2.0) -> dict[str, float]:
    return {term: rarity for text in texts for term in told(text).counts}


def _words(*texts: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return likeness_of_words([told(text) for text in texts], _idf(list(texts)))


ALERT = (
    'alertname="PgTooManyConnections" instance="db-{n:02d}:9187" pod="orders-api-7d9f8b6c5-{pod}"\n'
    "startsAt: 2026-11-02T09:{n:02d}:17Z fingerprint: {print:016x}"
)


def test_alerts_of_one_rule_differ_by_nothing() -> None:
    one = ALERT.format(n=3, pod="x2x4z", print=0xA3F0C2D4E5B60718)
    other = ALERT.format(n=41, pod="b7k9p", print=0x19283A4B5C6D7E8F)
    assert _words(one, other)[0, 1] == pytest.approx(1.0)


def test_the_words_of_a_machine_s_name_count_and_its_number_does_not() -> None:
    assert dict(told("db-orders-01 down").counts) == dict(told("db-orders-17 down").counts)
    assert "order" in told("db-orders-01 down").counts
    assert _words("db-orders-01 down", "db-shop-01 down")[0, 1] < 1.0


def test_an_error_code_is_no_number_of_a_machine() -> None:
    assert told("ORA-00257 archiver error").counts != told("ORA-01555 archiver error").counts


def test_without_vectors_the_words_stand_in_for_the_meaning() -> None:
    texts = ["pool exhausted", "pool exhausted", "printer jams"]
    vectors = [np.eye(3, dtype=np.float32)[[0]], None, None]
    alike = likeness([told(text) for text in texts], vectors, _idf(texts))
    assert alike[0, 1] == pytest.approx(1.0)
    assert alike[0, 2] == pytest.approx(MEANING * 0.45)


def test_the_meaning_is_that_of_the_nearest_passages() -> None:
    east, north = np.eye(2, dtype=np.float32)
    vectors = [np.stack([east, north]), np.stack([north]), np.stack([-east])]
    found = likeness_of_meaning(vectors)
    assert found[0, 1] == 1.0
    assert found[1, 2] == 0.0
    assert found[0, 2] == 0.0  # opposite is not less than unlike


@given(TEXTS, st.integers(0, 2**32 - 1))
def test_it_is_symmetric_and_between_nothing_and_one(texts: list[str], seed: int) -> None:
    dice = np.random.default_rng(seed)
    vectors = []
    for _ in texts:
        rows = dice.normal(size=(dice.integers(0, 4), 5)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        vectors.append(rows if len(rows) else None)
    alike = likeness([told(text) for text in texts], vectors, _idf(texts))
    assert np.allclose(alike, alike.T, atol=1e-5)
    assert (alike >= 0).all()
    assert (alike <= 1 + 1e-5).all()
    assert (np.diag(alike) == 1).all()


@given(TEXTS)
def test_likeness_of_words_is_the_cosine_of_their_weights(texts: list[str]) -> None:
    found = _words(*texts)
    for row, one in enumerate(texts):
        for column, other in enumerate(texts):
            mine, theirs = told(one).counts, told(other).counts
            weigh = {
                text: {
                    term: (1 if term.isdigit() else 2) * (1 + np.log(count))
                    for term, count in counts.items()
                }
                for text, counts in (("mine", mine), ("theirs", theirs))
            }
            dot = sum(weigh["mine"][t] * weigh["theirs"].get(t, 0.0) for t in mine)
            lengths = [np.sqrt(sum(w * w for w in each.values())) for each in weigh.values()]
            expected = dot / (lengths[0] * lengths[1]) if all(lengths) else 0.0
            assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_measured_values_count_the_least() -> None:
    # Rare as they are, 345 and 812 would else weigh more than all that the alerts share.
    assert _words("pool at 345 of node", "pool at 812 of node")[0, 1] > 0.8


def test_the_two_halves_are_a_whole() -> None:
    assert pytest.approx(1.0) == WORDS + MEANING
