"""What suggestions did for incidents: one voice an actor, incident and suggestion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from cmdb.problems import Problems, problem
from kb.chunks import chunks
from kb.load_plan import Plan
from kb.models import Feedback, RecordKind
from kb.readers.files import ReadRecord
from kb.schemas import FeedbackIn, FeedbackOut, PastFeedback
from kb.stored import kinds_of
from kb.track_record import track_records
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import now, rfc3339
from opsatlas.errors import ErrorItem, NotFoundError


class NoSuchSuggestionError(NotFoundError):
    """Feedback names something that cannot be suggested."""

    code = "no_such_suggestion"


@dataclass(frozen=True, slots=True)
class Voice:
    """One actor's word on one suggestion for one incident, and what that actor said before."""

    given: FeedbackIn
    at: datetime
    before: Feedback | None


def record(session: Session, actor: Actor, given: FeedbackIn) -> FeedbackOut:
    """Keep what `actor` says; it replaces what the same actor said before of the same.

    Raises NoSuchSuggestionError. The incident may be one that is not recorded here.
    """
    revision.lock(session)
    if _suggestible(session, actor, [given.suggestion]) != {given.suggestion}:
        raise NoSuchSuggestionError(
            f"there is no known error, incident or article {given.suggestion!r}",
            hint="name a suggestion by its `id`",
            errors=[ErrorItem("/suggestion", "no such suggestion", given.suggestion)],
        )
    moment = now()
    before = _said_before(session, actor, [given]).get((given.suggestion, given.incident))
    store_feedback(session, actor, [Voice(given, moment, before)])
    tracks = track_records(session, {given.suggestion: ()}, moment, actor.groups)
    track = tracks[given.suggestion]
    return FeedbackOut(
        suggestion=given.suggestion,
        incident=given.incident,
        outcome=given.outcome,
        actor=actor.name,
        at=moment,
        track_record=track.mean,
        solved=track.solved,
        not_helped=track.not_helped,
    )


def plan_feedback(
    session: Session,
    actor: Actor,
    records: Sequence[ReadRecord],
    coming: set[str],
    problems: Problems,
) -> Plan:
    """What a load would do with its feedback; `coming` are numbers that it will have written."""
    planned = Plan()
    latest: dict[tuple[str, str], PastFeedback] = {}
    given = [(each, each.item) for each in records if isinstance(each.item, PastFeedback)]
    known = _suggestible(session, actor, [item.suggestion for _, item in given]) | coming
    for each, item in given:
        if item.suggestion not in known:
            planned.rejected += 1
            problems.add(
                problem(
                    "no_such_suggestion",
                    f"there is no known error, incident or article {item.suggestion!r}",
                    where=each.where,
                    column="suggestion",
                    value=item.suggestion,
                    hint="load it before its feedback, or in the same load",
                )
            )
            continue
        key = item.suggestion, item.incident
        if key not in latest or latest[key].at <= item.at:
            latest[key] = item
    before = _said_before(session, actor, latest.values())
    for key, item in latest.items():
        said = before.get(key)
        timed = "at" in item.model_fields_set
        if said and said.outcome == item.outcome and (not timed or said.at == item.at):
            planned.unchanged += 1
            continue
        planned.drafts.append(Voice(item, item.at, said))
        planned.created += said is None
        planned.updated += said is not None
    return planned


def store_feedback(session: Session, actor: Actor, voices: Sequence[Voice]) -> None:
    """Keep these voices of `actor`, each in the place of what was said before."""
    replaced = [voice.before.id for voice in voices if voice.before is not None]
    for chunk in chunks(replaced):
        session.execute(delete(Feedback).where(Feedback.id.in_(chunk)))
    rows = [
        {
            **voice.given.model_dump(include={"suggestion", "incident", "outcome"}),
            "actor": actor.name,
            "at": voice.at,
        }
        for voice in voices
    ]
    if rows:
        session.execute(insert(Feedback), rows)
    audit.record(session, actor, [_audited(voice) for voice in voices])


def _audited(voice: Voice) -> Write:
    given, before = voice.given, voice.before
    return Write(
        "create" if before is None else "update",
        "feedback",
        f"{given.suggestion}/{given.incident}",
        None if before is None else {"outcome": before.outcome, "at": rfc3339(before.at)},
        {"outcome": given.outcome.value, "at": rfc3339(voice.at)},
    )


def _suggestible(session: Session, actor: Actor, numbers: Iterable[str]) -> set[str]:
    kinds = kinds_of(session, numbers, actor.groups)
    return {number for number, kind in kinds.items() if kind is not RecordKind.CHANGE}


def _said_before(
    session: Session, actor: Actor, given: Iterable[FeedbackIn]
) -> dict[tuple[str, str], Feedback]:
    """What `actor` said so far of these, by suggestion and incident."""
    found: dict[tuple[str, str], Feedback] = {}
    for chunk in chunks({each.suggestion for each in given}):
        rows = session.scalars(
            select(Feedback).where(Feedback.actor == actor.name, Feedback.suggestion.in_(chunk))
        )
        found |= {(row.suggestion, row.incident): row for row in rows}
    return found
