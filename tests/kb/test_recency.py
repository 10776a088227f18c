"""Recency says whether a trouble came back lately."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.recency import HALF_LIFE, recency
from tests.kb.builders import LONG_AGO as NOW

moments = st.lists(st.integers(0, 5000).map(lambda hours: NOW - timedelta(hours=hours)))


def test_what_never_happened_is_not_recent() -> None:
    assert recency([], NOW) == 0.0


def test_after_a_week_one_incident_counts_half() -> None:
    assert recency([NOW - HALF_LIFE], NOW) == pytest.approx(0.5)
    assert recency([NOW - HALF_LIFE, NOW - HALF_LIFE], NOW) == pytest.approx(0.75)


def test_what_is_yet_to_come_counts_nothing() -> None:
    assert recency([NOW + timedelta(hours=1)], NOW) == 0.0


@given(moments, st.integers(0, 5000))
def test_another_incident_makes_it_more_recent_and_time_less(
    opened: list[datetime], hours: int
) -> None:
    found = recency(opened, NOW)
    assert 0.0 <= found <= 1.0
    assert recency([*opened, NOW - timedelta(hours=hours)], NOW) >= found
    assert recency(opened, NOW + timedelta(hours=hours)) <= found + 1e-12
