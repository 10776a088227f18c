"""Which changes an assessment is about: those named, drafts, and recorded ones that overlap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot
from cmdb.references import resolve_at
from kb.change_assessment_schemas import AssessmentQuestion, LeftOut
from kb.change_windows import Window
from kb.field_types import ChangeStatus
from kb.models import Change
from kb.nouns import CHANGES
from kb.stored import Stored, find
from opsatlas.clock import now, rfc3339
from opsatlas.errors import ErrorItem, InvalidInputError

_COMING = (ChangeStatus.PLANNED, ChangeStatus.IN_PROGRESS)
_UNDATED_LISTED = 100


class ChangeNotAssessableError(InvalidInputError):
    """A named change is not there, is over, or has no time; `errors` says which."""

    code = "change_not_assessable"


class TooManyChangesError(InvalidInputError):
    """More changes overlap than one assessment may weigh."""

    code = "too_many_changes"


@dataclass(frozen=True, slots=True)
class Planned:
    """A change with its time and its CIs."""

    number: str
    title: str | None
    status: str
    asked: bool
    window: Window
    cis: frozenset[int]
    """Ids, all of them in the graph."""
    left_out_cis: tuple[str, ...] = ()
    overrunning: bool = False


@dataclass(slots=True)
class Gathered:
    """The changes that take part, in the order of their beginning, and the window."""

    window: Window
    changes: list[Planned]
    left_out: list[LeftOut] = field(default_factory=list)


def gather(
    session: Session, snapshot: GraphSnapshot, question: AssessmentQuestion, *, most: int
) -> Gathered:
    """The changes of a question.

    Raises ChangeNotAssessableError, UnresolvedCIError for CIs of drafts, TooManyChangesError.
    """
    asked = [*_named(session, snapshot, question.changes), *_drafts(session, question)]
    window = _window(question, asked)
    left_out: list[LeftOut] = []
    if question.overlapping:
        known = {each.number for each in asked}
        asked += _overlapping(session, snapshot, window, known, left_out, most)
    inside = [_cut(each, window) for each in asked]
    changes = [each for each in inside if each is not None]
    if len(changes) > most:
        raise TooManyChangesError(
            f"{len(changes):,} changes overlap, at most {most:,} are weighed together",
            hint="ask about a shorter window, or with overlapping false",
        )
    changes.sort(key=lambda each: (each.window.start, each.number))
    return Gathered(window, changes, left_out)


def _named(session: Session, snapshot: GraphSnapshot, numbers: Sequence[str]) -> list[Planned]:
    found = find(session, CHANGES, numbers)
    planned: list[Planned] = []
    errors: list[ErrorItem] = []
    for position, number in enumerate(numbers):
        at = f"/changes/{position}"
        if number not in found:
            message = f"there is no change {number!r}"
            errors.append(ErrorItem(at, message, number, "GET /changes lists them"))
            continue
        stored = found[number]
        window = _over(stored) or _placed(stored)
        if isinstance(window, str):
            hint = "give it times, or write it as a draft with the times that are meant"
            errors.append(ErrorItem(at, f"{number} {window}", number, hint))
        else:
            planned.append(_planned(snapshot, stored, window, asked=True))
    if errors:
        raise ChangeNotAssessableError(errors[0].detail, hint=errors[0].hint, errors=errors)
    return list({each.number: each for each in planned}.values())


def _over(stored: Stored) -> str | None:
    status = stored.fields["status"]
    return None if status in _COMING else f"is {status}: it keeps nothing down any more"


def _placed(stored: Stored) -> Window | str:
    """When a change is under way, or why it has no place in time."""
    fields = stored.fields
    start = fields["started_at"] or fields["planned_start"]
    end = None if _overruns(stored) else fields["ended_at"] or fields["planned_end"]
    if start is None:
        return "has neither a planned_start nor a started_at"
    if end is not None and end < start:
        return f"ends ({rfc3339(end)}) before it starts ({rfc3339(start)})"
    return Window(start, end)


def _overruns(stored: Stored) -> bool:
    fields = stored.fields
    is_late = fields["planned_end"] is not None and fields["planned_end"] <= now()
    return fields["status"] == ChangeStatus.IN_PROGRESS and fields["ended_at"] is None and is_late


def _planned(snapshot: GraphSnapshot, stored: Stored, window: Window, *, asked: bool) -> Planned:
    inside = {
        name: ci_id
        for name, ci_id in stored.cis.items()
        if ci_id is not None and snapshot.has(ci_id)
    }
    return Planned(
        stored.row.number,
        stored.fields["title"],
        stored.fields["status"],
        asked,
        window,
        frozenset(inside.values()),
        tuple(name for name in stored.cis if name not in inside),
        _overruns(stored),
    )


def _drafts(session: Session, question: AssessmentQuestion) -> list[Planned]:
    references = [
        (f"/drafts/{number}/cis/{place}", reference)
        for number, draft in enumerate(question.drafts)
        for place, reference in enumerate(draft.cis)
    ]
    at = [place for place, _reference in references]
    ids = resolve_at(session, [reference for _place, reference in references], at)
    found = iter(ids)
    return [
        Planned(
            f"draft-{number}",
            draft.title,
            "draft",
            True,
            Window(draft.planned_start, draft.planned_end),
            frozenset(next(found) for _ in draft.cis),
        )
        for number, draft in enumerate(question.drafts, 1)
    ]


def _window(question: AssessmentQuestion, asked: Iterable[Planned]) -> Window:
    windows = [each.window for each in asked]
    start = question.start
    end = question.end
    if start is None:
        start = min(each.start for each in windows)
    if end is None and windows and all(each.end is not None for each in windows):
        end = max(each.end for each in windows if each.end is not None)
    if end is not None and end < start:
        message = f"the changes end ({rfc3339(end)}) before the window begins ({rfc3339(start)})"
        raise InvalidInputError(message, errors=[ErrorItem("/from", message, rfc3339(start))])
    return Window(start, end)


def _overlapping(
    session: Session,
    snapshot: GraphSnapshot,
    window: Window,
    known: set[str],
    left_out: list[LeftOut],
    most: int,
) -> list[Planned]:
    """Recorded changes that are planned or under way in the window."""
    begins = func.coalesce(Change.started_at, Change.planned_start)
    ends = func.coalesce(Change.ended_at, Change.planned_end)
    coming = Change.status.in_(_COMING)
    # One that is late is taken to go on; which are late is told below.
    lasts = or_(ends.is_(None), ends >= window.start, Change.status == ChangeStatus.IN_PROGRESS)
    where = [coming, begins.is_not(None), lasts]
    if window.end is not None:
        where.append(begins <= window.end)
    placed = select(Change.number).where(*where).order_by(Change.id).limit(most + len(known) + 1)
    undated = (
        select(Change.number)
        .where(coming, begins.is_(None))
        .order_by(Change.id)
        .limit(_UNDATED_LISTED)
    )
    numbers = [*session.scalars(placed), *session.scalars(undated)]
    found = find(session, CHANGES, [number for number in numbers if number not in known])
    planned = []
    for number, stored in found.items():
        place = _placed(stored)
        if isinstance(place, str):
            left_out.append(LeftOut(number=number, reason=place))
        else:
            planned.append(_planned(snapshot, stored, place, asked=False))
    return planned


def _cut(change: Planned, window: Window) -> Planned | None:
    """The part of a change that lies in the window; None where none does."""
    start = max(change.window.start, window.start)
    ends = [each for each in (change.window.end, window.end) if each is not None]
    end = min(ends, default=None)
    if end is not None and end < start:
        return None
    is_moment = change.window.start == change.window.end or window.start == window.end
    if end == start and not is_moment:
        return None
    return replace(change, window=Window(start, end))
