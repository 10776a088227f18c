"""How often a suggestion helped before, as a probability that is honest about small numbers.

Every incident in which a suggestion was tried is one trial. Where people said what came of it, that
counts (several voices on one incident are averaged, so that shouting does not help); where nobody
did, an incident that was closed as `fixed` or `workaround` under its known error counts as solved.
The posterior of a Beta prior gives the estimate.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from kb.chunks import chunks
from kb.field_types import IncidentStatus, ResolutionCode
from kb.models import Feedback, Incident, Outcome

PRIOR_SUCCESSES, PRIOR_FAILURES = 1.0, 1.0
"""Beta(1, 1), the uniform prior of Laplace's rule of succession (Laplace, Essai philosophique sur
les probabilités, 1814; Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4): a suggestion
of which nothing is known stands at 0.5, one that worked once at 0.67, six times out of seven at
0.78."""

SUCCESS = {Outcome.RESOLVED: 1.0, Outcome.HELPED: 0.5, Outcome.NOT_HELPED: 0.0}
"""How much of a success an outcome is. `helped` is half of one and nothing of a failure."""
FAILURE = {Outcome.RESOLVED: 0.0, Outcome.HELPED: 0.0, Outcome.NOT_HELPED: 1.0}

_SOLVED = (ResolutionCode.FIXED.value, ResolutionCode.WORKAROUND.value)
_ENDED = (IncidentStatus.RESOLVED.value, IncidentStatus.CLOSED.value)


@dataclass(frozen=True, slots=True)
class Trial:
    """One incident in which a suggestion was tried: what was said of it, and when it last was."""

    successes: float
    failures: float
    at: datetime | None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """`mean` is 0 to 1; `solved` and `not_helped` count incidents."""

    mean: float
    solved: int
    not_helped: int
    last_used: datetime | None
    """When it last helped."""


@dataclass(frozen=True, slots=True)
class Said:
    """One voice, or an incident's own closure where `outcome` is None."""

    incident: str
    outcome: Outcome | None
    at: datetime


def assess(said: Iterable[Said]) -> TrackRecord:
    """The track record that follows from all that was said of one suggestion."""
    by_incident: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        by_incident[each.incident].append(each)
    trials = [_trial(voices) for voices in by_incident.values()]
    successes = PRIOR_SUCCESSES + sum(trial.successes for trial in trials)
    failures = PRIOR_FAILURES + sum(trial.failures for trial in trials)
    helped = [trial.at for trial in trials if trial.at is not None and trial.successes > 0]
    return TrackRecord(
        mean=successes / (successes + failures),
        solved=sum(trial.successes > trial.failures for trial in trials),
        not_helped=sum(trial.failures > trial.successes for trial in trials),
        last_used=max(helped, default=None),
    )


def _trial(voices: list[Said]) -> Trial:
    spoken = [voice for voice in voices if voice.outcome is not None]
    at = max((voice.at for voice in voices), default=None)
    if not spoken:
        return Trial(1.0, 0.0, at)
    outcomes = [voice.outcome for voice in spoken if voice.outcome is not None]
    return Trial(
        sum(SUCCESS[outcome] for outcome in outcomes) / len(outcomes),
        sum(FAILURE[outcome] for outcome in outcomes) / len(outcomes),
        at,
    )


def track_records(
    session: Session, standing_behind: Mapping[str, Collection[str]]
) -> dict[str, TrackRecord]:
    """The track record of each suggestion, from the feedback on the records that stand behind it
    (itself among them) and from how these, and the incidents of a known error, were closed."""
    heads: dict[str, set[str]] = defaultdict(set)
    for suggestion, numbers in standing_behind.items():
        for number in (suggestion, *numbers):
            heads[number].add(suggestion)
    said: dict[str, list[Said]] = {suggestion: [] for suggestion in standing_behind}
    for chunk in chunks(heads):
        for voice in session.execute(_voices(chunk)):
            for head in heads[voice.suggestion]:
                said[head].append(Said(voice.incident, Outcome(voice.outcome), voice.at))
        for row in session.execute(_closures(chunk)):
            for head in heads.get(row.number, set()) | heads.get(row.known_error or "", set()):
                said[head].append(Said(row.number, None, row.at))
    return {suggestion: assess(each) for suggestion, each in said.items()}


def _voices(suggestions: Collection[str]) -> Select[str, str, str, datetime]:
    return select(Feedback.suggestion, Feedback.incident, Feedback.outcome, Feedback.at).where(
        Feedback.suggestion.in_(suggestions)
    )


def _closures(numbers: Collection[str]) -> Select[str, str | None, datetime]:
    """Incidents that ended well, and when; those among `numbers` and those of known errors."""
    return select(
        Incident.number,
        Incident.known_error,
        func.coalesce(Incident.resolved_at, Incident.closed_at, Incident.opened_at).label("at"),
    ).where(
        or_(Incident.number.in_(numbers), Incident.known_error.in_(numbers)),
        Incident.status.in_(_ENDED),
        Incident.resolution_code.in_(_SOLVED),
    )
