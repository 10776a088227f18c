"""How often a suggestion helped before, as a probability that is honest about small numbers.

Every incident in which a suggestion was tried is one trial. Where people said what came of it, that
counts; where nobody did, an incident that was closed as `fixed` or `workaround` under its known
error counts as solved. Old trials count less than new ones, and the voices of one actor less the
more there are of them. The posterior of a Beta prior gives the estimate.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from kb.chunks import chunks
from kb.closures import Closed, Closures, closed_at, ended_well
from kb.models import Feedback, Incident, Outcome, RecordKind
from kb.visibility import is_shown
from opsatlas.db.prepared import listed, prepared
from opsatlas.groups import UNGROUPED

PRIOR_SUCCESSES, PRIOR_FAILURES = 1.0, 1.0
"""Beta(1, 1), the uniform prior of Laplace's rule of succession (Laplace, Essai philosophique sur
les probabilités, 1814; Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4): a suggestion
of which nothing is known stands at 0.5, one that worked once just now at 0.67, six times out of
seven at 0.78."""

SUCCESS = {Outcome.RESOLVED: 1.0, Outcome.HELPED: 0.5, Outcome.NOT_HELPED: 0.0}
"""How much of a success an outcome is. `helped` is half of one and nothing of a failure."""
FAILURE = {Outcome.RESOLVED: 0.0, Outcome.HELPED: 0.0, Outcome.NOT_HELPED: 1.0}

HALF_LIFE = timedelta(days=365)
"""Age at which a trial counts half: systems are upgraded and replaced within a few years. Ours, not
measured; of two years it is a quarter, and what is not tried any more drifts back to the prior."""

ONE_ACTOR = 4.0
"""Trials that all voices of one actor on a suggestion are worth at most. Voices of one actor are no
independent trials: n of them count as n / (1 + (n - 1) / 4), the effective size of a sample whose
members resemble each other with an intraclass correlation of 1/4 (Kish, Survey Sampling, 1965)."""

_EVEN = 1e-9  # sums of shares are not exact


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """`mean` is 0 to 1; `solved` and `not_helped` count incidents, however old."""

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
    actor: str = ""


def assess(
    said: Iterable[Said], at: datetime, silent: float = 0.0, silently: int = 0
) -> TrackRecord:
    """The track record that follows from all that was said of one suggestion, as of `at`.

    `silently` incidents, of which nobody spoke, were closed as solved besides, and count `silent`
    by their ages.

    All voices of one actor together move the mean by less than 4 / (2 + n), where n, at least 4,
    is what all else counts: see `ONE_ACTOR`.
    """
    by_incident: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        by_incident[each.incident].append(each)
    weights = _weights_of_actors(by_incident)
    successes, failures = PRIOR_SUCCESSES + silent, PRIOR_FAILURES
    solved, not_helped = silently, 0
    helped: list[datetime] = []
    for words in by_incident.values():
        balance = 0.0
        for word, weight in _shares(words, weights):
            outcome = word.outcome or Outcome.RESOLVED
            left = weight * decay(at - word.at)
            successes += SUCCESS[outcome] * left
            failures += FAILURE[outcome] * left
            balance += (SUCCESS[outcome] - FAILURE[outcome]) * weight
            if SUCCESS[outcome]:
                helped.append(word.at)
        solved += balance > _EVEN
        not_helped += balance < -_EVEN
    return TrackRecord(
        mean=successes / (successes + failures),
        solved=solved,
        not_helped=not_helped,
        last_used=max(helped, default=None),
    )


def decay(age: timedelta, half_life: timedelta = HALF_LIFE) -> float:
    """What something of this age counts, 0 to 1; what is to come counts as if it were now."""
    return float(0.5 ** (max(age, timedelta()) / half_life))


def _weights_of_actors(by_incident: Mapping[str, Sequence[Said]]) -> dict[str, float]:
    """What the voice of each actor counts on one incident, 0 to 1."""
    incidents = Counter(
        actor
        for words in by_incident.values()
        for actor in {each.actor for each in words if each.outcome is not None}
    )
    return {actor: 1 / (1 + (count - 1) / ONE_ACTOR) for actor, count in incidents.items()}


def _shares(words: Sequence[Said], weights: Mapping[str, float]) -> Iterator[tuple[Said, float]]:
    """The trial of one incident, shared among those who spoke; together at most 1.

    What they leave of it is the closure's: a voice takes no more from it than it counts itself.
    """
    times = Counter(each.actor for each in words if each.outcome is not None)
    given = sum(weights[actor] for actor in times)
    left = max(1.0 - given, 0.0) / max(len(words) - times.total(), 1)
    for each in words:
        if each.outcome is None:
            yield each, left
        else:
            yield each, weights[each.actor] / times[each.actor] / max(given, 1.0)


def track_records(
    session: Session,
    standing_behind: Mapping[str, Collection[str]],
    at: datetime,
    groups: frozenset[str] | None = UNGROUPED,
    closures: Closures | None = None,
) -> dict[str, TrackRecord]:
    """The track record of each suggestion as of `at`, from the feedback on the records that stand
    behind it (itself among them) and from how these, and the incidents of a known error, were
    closed. `closures` remembers the latter from question to question."""
    heads: dict[str, set[str]] = defaultdict(set)
    for suggestion, numbers in standing_behind.items():
        for number in (suggestion, *numbers):
            heads[number].add(suggestion)
    said: dict[str, list[Said]] = {suggestion: [] for suggestion in standing_behind}
    spoken: set[str] = set()
    for chunk in chunks(heads):
        for voice in session.execute(_voices(groups), {"suggestions": chunk}):
            spoken.add(voice.incident)
            for head in heads[voice.suggestion]:
                outcome = Outcome(voice.outcome)
                said[head].append(Said(voice.incident, outcome, voice.at, voice.actor))
    closed = (closures or Closures()).of(session, heads, groups)
    told: dict[str, list[Said]] = defaultdict(list)
    for chunk in chunks(spoken.union(heads)):
        for row in session.execute(_closures(groups), {"numbers": chunk}):
            closure = Said(row.number, None, row.at)
            by_known_error = heads.get(row.known_error or "", set())
            for head in by_known_error:
                told[head].append(closure)
            for head in by_known_error | heads.get(row.number, set()):
                said[head].append(closure)
    found = {}
    for suggestion, numbers in standing_behind.items():
        behind = [closed[each] for each in {suggestion, *numbers} if each in closed]
        found[suggestion] = _with_the_silent(said[suggestion], told[suggestion], behind, at)
    return found


def _with_the_silent(
    said: Sequence[Said], told: Sequence[Said], closed: Sequence[Closed], at: datetime
) -> TrackRecord:
    """The track record of what was `said`, and of the incidents of known errors that are `closed`
    but for those that are among it, `told`."""
    count = sum(len(each.seconds) for each in closed) - len(told)
    weight = sum(each.weight(at, HALF_LIFE.total_seconds()) for each in closed)
    weight -= sum(decay(at - each.at) for each in told)
    record = assess(said, at, max(weight, 0.0) if count else 0.0, count)
    helped = [each.last for each in closed] + [record.last_used]
    return replace(record, last_used=max(filter(None, helped), default=None))


@prepared
def _voices(groups: frozenset[str] | None) -> Select[str, str, str, datetime, str]:
    """What was said of the `suggestions`, but of incidents that are kept from the caller."""
    return select(
        Feedback.suggestion, Feedback.incident, Feedback.outcome, Feedback.at, Feedback.actor
    ).where(
        Feedback.suggestion.in_(listed("suggestions")),
        is_shown(Feedback.incident, RecordKind.INCIDENT, groups),
    )


@prepared
def _closures(groups: frozenset[str] | None) -> Select[str, str | None, datetime]:
    """Those of the incidents `numbers` that ended well, and when."""
    return select(Incident.number, Incident.known_error, closed_at().label("at")).where(
        Incident.number.in_(listed("numbers")), ended_well(groups)
    )
