"""Confidence grows with the evidence, and the verdict follows from it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.confidence import (
    MATCH_FROM,
    NAMES,
    WEAK_FROM,
    Basis,
    Features,
    basis,
    confidence,
    coverage,
    keys_found,
    of_answer,
    verdict,
)
from kb.suggest_schemas import Verdict

share = st.floats(0, 1)
features = st.builds(
    Features,
    share,
    share,
    st.floats(0, 6),
    st.floats(-1, 1),
    share,
    st.floats(-1, 1),
    st.floats(-1, 1),
    share,
    share,
)
founded_on = st.sampled_from(Basis)


@given(features, st.sampled_from(NAMES), founded_on)
def test_more_evidence_never_makes_it_less_sure(
    known: Features, name: str, founded_on: Basis
) -> None:
    more = replace(known, **{name: getattr(known, name) + 0.1})
    least, most = (confidence(each, founded_on) for each in (known, more))
    assert 0 < least <= most < 1


@given(st.lists(share, min_size=1, max_size=3), st.integers(0, 2), founded_on)
def test_a_surer_suggestion_never_makes_an_answer_less_sure(
    each: list[float], at: int, founded_on: Basis
) -> None:
    at %= len(each)
    surer = [*each[:at], min(each[at] + 0.1, 1.0), *each[at + 1 :]]
    assert of_answer(surer, founded_on) >= of_answer(each, founded_on)


def test_what_is_not_known_of_words_is_not_counted_against_a_suggestion() -> None:
    known = Features(0.6, 0.7, 2.0, 0.1, 0.5, 0.0)
    assert basis(known, by_meaning=False) is Basis.WORDS_ONLY
    assert basis(known, by_meaning=True) is Basis.WITH_MODEL
    assert basis(replace(known, met=0.5, share_met=0.5), by_meaning=True) is Basis.WITH_MODEL
    met, unmet = (replace(known, met=each, share_met=each, title_met=each) for each in (0.6, 0.0))
    assert basis(unmet, by_meaning=True) is Basis.WITH_LATE
    assert confidence(unmet, Basis.WITH_LATE) < confidence(known, Basis.WITH_MODEL)
    assert confidence(unmet, Basis.WITH_LATE) < confidence(met, Basis.WITH_LATE)


@pytest.mark.parametrize(
    ("keys", "found", "told"),
    [
        ((), ("a",), 0.0),
        (("ora-00257",), ("disk", "ora-00257"), 1.0),
        (("ora-00257",), ("disk",), -1.0),
        (("ora-00257", "enospc"), ("enospc",), 0.0),
    ],
)
def test_another_error_code_speaks_against_a_record(
    keys: tuple[str, ...], found: tuple[str, ...], told: float
) -> None:
    assert keys_found(keys, found) == told


@given(st.lists(share, max_size=6))
def test_an_answer_is_at_least_as_sure_as_its_best_shown_suggestion(each: list[float]) -> None:
    assert max(each[:3], default=0.0) - 1e-12 <= of_answer(each) <= 1


def test_without_suggestions_there_is_no_match() -> None:
    assert of_answer([]) == 0.0
    assert verdict(0.0) is Verdict.NO_MATCH


@pytest.mark.parametrize(
    ("sure", "said"),
    [
        (MATCH_FROM, Verdict.MATCH),
        (MATCH_FROM - 0.001, Verdict.WEAK),
        (WEAK_FROM, Verdict.WEAK),
        (WEAK_FROM - 0.001, Verdict.NO_MATCH),
    ],
)
def test_the_verdict_changes_at_its_thresholds(sure: float, said: Verdict) -> None:
    assert verdict(sure) is said


def test_a_share_of_few_words_counts_less() -> None:
    assert coverage(1.0, 1) < coverage(0.5, 8) < coverage(1.0, 8)
    assert coverage(0.0, 0) == 0.0
