"""The track record is a probability, and every word moves it the way that the word says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.models import Outcome
from kb.track_record import HALF_LIFE, ONE_ACTOR, Said, TrackRecord, assess, decay
from tests.kb.builders import LONG_AGO

NOW = LONG_AGO + timedelta(days=60)

said = st.builds(
    Said,
    incident=st.sampled_from(["a", "b", "c", "d"]),
    outcome=st.one_of(st.none(), st.sampled_from(Outcome)),
    at=st.integers(0, 1000).map(lambda hours: LONG_AGO + timedelta(hours=hours)),
    actor=st.sampled_from(["ann", "bob", "cy"]),
)


def _now(*voices: Said) -> TrackRecord:
    return assess(voices, NOW)


def _new(outcome: Outcome | None) -> Said:
    return Said("another", outcome, NOW, "somebody new")


def test_nothing_known_is_one_half() -> None:
    assert _now().mean == 0.5


def test_six_of_seven_just_now_is_close_to_four_fifths() -> None:
    voices = [Said(str(n), Outcome.RESOLVED, NOW, f"actor {n}") for n in range(6)]
    record = _now(*voices, Said("7", Outcome.NOT_HELPED, NOW, "actor 7"))
    assert (round(record.mean, 2), record.solved, record.not_helped) == (0.78, 6, 1)


@given(st.lists(said, max_size=30))
def test_it_stays_between_nothing_and_certainty(voices: list[Said]) -> None:
    record = _now(*voices)
    assert 0 < record.mean < 1
    assert record.solved + record.not_helped <= len({voice.incident for voice in voices})


@given(st.lists(said, max_size=30))
def test_a_better_outcome_never_makes_it_worse(voices: list[Said]) -> None:
    def mean(outcome: Outcome | None) -> float:
        return _now(*voices, _new(outcome)).mean

    assert mean(Outcome.NOT_HELPED) < _now(*voices).mean < mean(Outcome.HELPED)
    assert mean(Outcome.HELPED) < mean(Outcome.RESOLVED) == mean(None)


@given(st.lists(said, max_size=30), st.randoms())
def test_the_order_of_voices_does_not_matter(voices: list[Said], random: object) -> None:
    shuffled = list(voices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = _now(*voices), _now(*shuffled)
    assert replace(one, mean=0.0) == replace(other, mean=0.0)
    assert one.mean == pytest.approx(other.mean)


def test_it_was_last_used_when_it_last_helped() -> None:
    later = LONG_AGO + timedelta(days=9)
    record = _now(
        Said("a", Outcome.HELPED, LONG_AGO, "ann"), Said("b", Outcome.NOT_HELPED, later, "ann")
    )
    assert record.last_used == LONG_AGO


@given(st.lists(said, max_size=30), st.integers(0, 2000), st.integers(1, 2000))
def test_with_time_it_drifts_back_to_what_nothing_known_says(
    voices: list[Said], days: int, more: int
) -> None:
    sooner = assess(voices, NOW + timedelta(days=days))
    later = assess(voices, NOW + timedelta(days=days + more))
    assert abs(later.mean - 0.5) <= abs(sooner.mean - 0.5) + 1e-12
    assert (later.mean - 0.5) * (sooner.mean - 0.5) >= -1e-12
    assert (later.solved, later.not_helped) == (sooner.solved, sooner.not_helped)


def test_a_trial_of_two_years_ago_counts_a_quarter() -> None:
    record = assess([Said("a", Outcome.RESOLVED, NOW - 2 * HALF_LIFE)], NOW)
    assert record.mean == pytest.approx(1.25 / 2.25)
    assert record.solved == 1


def test_what_is_dated_ahead_counts_no_more_than_what_is_said_now() -> None:
    assert decay(-timedelta(days=900)) == 1.0


def test_what_failed_lately_outweighs_what_worked_years_ago() -> None:
    old = [Said(str(n), None, NOW - 3 * HALF_LIFE) for n in range(4)]
    new = [Said(f"new {n}", Outcome.NOT_HELPED, NOW, f"actor {n}") for n in range(2)]
    assert _now(*old, *new).mean < 0.5


@st.composite
def loud(draw: st.DrawFn) -> list[Said]:
    """Many voices of one actor, on incidents that others know and on invented ones."""
    outcome, hours = draw(st.sampled_from(Outcome)), draw(st.integers(-20_000, 1000))
    at = LONG_AGO + timedelta(hours=hours)
    incidents = [
        *draw(st.sets(st.sampled_from("abcd"))),
        *map(str, range(draw(st.integers(0, 99)))),
    ]
    return [Said(incident, outcome, at, "one") for incident in incidents]


@given(st.lists(said, max_size=30), st.integers(0, 60), loud())
def test_all_voices_of_one_actor_move_it_no_further_than_four_trials_do(
    spoken: list[Said], closed: int, voices: list[Said]
) -> None:
    others = [*spoken, *(Said(str(n), None, NOW) for n in range(closed))]
    without = _now(*others)
    # What the others count is read off the mean: one more success of weight 1 moves it by so much.
    nudged = _now(*others, _new(Outcome.RESOLVED)).mean
    count = (1 - nudged) / (nudged - without.mean) - 2
    bound = ONE_ACTOR / (2 + max(count, ONE_ACTOR))
    assert abs(_now(*others, *voices).mean - without.mean) < bound + 1e-9


@pytest.mark.parametrize("outcome", [Outcome.RESOLVED, Outcome.NOT_HELPED])
def test_five_hundred_invented_incidents_are_worth_less_than_four_trials(outcome: Outcome) -> None:
    shouted = _now(*(Said(f"INC-{n}", outcome, NOW, "one") for n in range(500))).mean
    honest = _now(*(Said(f"INC-{n}", outcome, NOW, f"actor {n}") for n in range(4))).mean
    assert abs(shouted - 0.5) < abs(honest - 0.5)


def test_one_actor_cannot_talk_away_what_many_incidents_show() -> None:
    closed = [Said(f"INC-{n}", None, NOW) for n in range(40)]
    against = [Said(f"INC-{n}", Outcome.NOT_HELPED, NOW, "one") for n in range(40)]
    assert _now(*closed).mean - _now(*closed, *against).mean < ONE_ACTOR / (2 + 40)
