"""The track record is a probability, and every word moves it the way that the word says."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kb.models import Outcome
from kb.track_record import Said, assess
from tests.kb.builders import LONG_AGO

said = st.builds(
    Said,
    incident=st.sampled_from(["a", "b", "c", "d"]),
    outcome=st.one_of(st.none(), st.sampled_from(Outcome)),
    at=st.integers(0, 1000).map(lambda hours: LONG_AGO + timedelta(hours=hours)),
)


def _new(outcome: Outcome | None) -> Said:
    return Said("another", outcome, LONG_AGO)


def test_nothing_known_is_one_half() -> None:
    assert assess([]).mean == 0.5


def test_six_of_seven_is_close_to_four_fifths() -> None:
    voices = [Said(str(n), Outcome.RESOLVED, LONG_AGO) for n in range(6)]
    record = assess([*voices, Said("7", Outcome.NOT_HELPED, LONG_AGO)])
    assert (round(record.mean, 2), record.solved, record.not_helped) == (0.78, 6, 1)


@given(st.lists(said, max_size=30))
def test_it_stays_between_nothing_and_certainty(voices: list[Said]) -> None:
    record = assess(voices)
    assert 0 < record.mean < 1
    assert record.solved + record.not_helped <= len({voice.incident for voice in voices})


@given(st.lists(said, max_size=30))
def test_a_better_outcome_never_makes_it_worse(voices: list[Said]) -> None:
    def mean(outcome: Outcome | None) -> float:
        return assess([*voices, _new(outcome)]).mean

    assert mean(Outcome.NOT_HELPED) < assess(voices).mean < mean(Outcome.HELPED)
    assert mean(Outcome.HELPED) < mean(Outcome.RESOLVED) == mean(None)


@given(st.lists(said, max_size=30), st.randoms())
def test_the_order_of_voices_does_not_matter(voices: list[Said], random: object) -> None:
    shuffled = list(voices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert round(assess(shuffled).mean, 9) == round(assess(voices).mean, 9)


def test_it_was_last_used_when_it_last_helped() -> None:
    later = LONG_AGO + timedelta(days=9)
    record = assess([Said("a", Outcome.HELPED, LONG_AGO), Said("b", Outcome.NOT_HELPED, later)])
    assert record.last_used == LONG_AGO
