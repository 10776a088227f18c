"""What is reported of CIs: taken in, kept by source, listed, cleared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, or_, select, update
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.impact_schemas import CIName
from cmdb.live_models import CIState
from cmdb.live_schemas import StateOut, StateReceipt, StateReport
from cmdb.models import ConfigurationItem
from cmdb.references import UnresolvedCIError, resolve
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import rfc3339
from opsatlas.db.listing import ListQuery, field_columns, list_page
from opsatlas.db.rows import insert_rows
from opsatlas.db.transaction import moment
from opsatlas.errors import ErrorItem, InvalidInputError, NotFoundError

CI_STATE = "ci_state"
"""Kind in the change table: no graph is rebuilt for it."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours the clock of a reporter may be."""
LONGEST = timedelta(days=366)
"""Longest time from now after which a report expires."""

LIST_COLUMNS = field_columns(CIState)
"""What a list of reports can be filtered and ordered by."""

_TABLE = CIState.metadata.tables[CIState.__tablename__]
_Key = tuple[int, str]
_Outcome = Literal["recorded", "unchanged", "outdated"]


class TooManyStatesError(InvalidInputError):
    """More reports than one call may bring."""

    code = "too_many_states"


@dataclass(frozen=True, slots=True)
class StatePage:
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[StateOut]
    more: bool
    last_id: int | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a source says of a CI, as it is kept."""

    state: str
    since: datetime
    reported_at: datetime
    expires_at: datetime | None
    message: str


def report(
    session: Session,
    reports: Sequence[StateReport],
    actor: Actor,
    *,
    single: bool = False,
    most: int,
    revision_keep: int,
) -> list[StateReceipt]:
    """Keep what is reported, all or none; said again, it changes nothing.

    Of one source and CI the newest report counts; of reports of one time the last. `single` says
    that the input was one object rather than a list, for the pointers of errors. Raises
    UnresolvedCIError, TooManyStatesError, and InvalidInputError for times too far ahead.
    """
    if len(reports) > most:
        raise TooManyStatesError(
            f"{len(reports):,} states are reported, at most {most:,} may be at once",
            hint="send several calls; OPSATLAS_STATE_MAX_REPORTS sets the limit",
        )
    revision.lock(session)
    at = moment(session)
    _refuse_far_times(reports, at, single=single)
    keys = [
        (ci_id, each.source)
        for ci_id, each in zip(_cis(session, reports, single=single), reports, strict=True)
    ]
    stored = _rows(session, {ci_id for ci_id, _source in keys})
    kept = {key: _as_said(row) for key, row in stored.items()}
    before = dict(kept)
    outcomes: list[_Outcome] = []
    for key, each in zip(keys, reports, strict=True):
        said = _said(each, at)
        earlier = kept.get(key)
        if earlier is not None and said.reported_at < earlier.reported_at:
            outcomes.append("outdated")
            continue
        if earlier is not None and earlier.state == said.state:
            said = replace(said, since=earlier.since)
        outcomes.append("unchanged" if said == earlier else "recorded")
        kept[key] = said
    changed = {key: kept[key] for key in dict.fromkeys(keys) if kept.get(key) != before.get(key)}
    _store(session, changed, stored, actor)
    _trace(session, changed, before, actor)
    stored = _rows(session, {ci_id for ci_id, _source in keys})
    revision.note(session, CI_STATE, (stored[key].id for key in changed), keep=revision_keep)
    found = states_out(session, [stored[key] for key in keys], at)
    return [
        StateReceipt.model_construct(**dict(each), outcome=outcome)
        for each, outcome in zip(found, outcomes, strict=True)
    ]


def clear(session: Session, state_id: int, actor: Actor, *, revision_keep: int) -> None:
    """Forget what a source reported of a CI. Raises NotFoundError."""
    revision.lock(session)
    row = session.get(CIState, state_id)
    if row is None:
        raise NotFoundError(f"there is no reported state {state_id}", hint="GET /states lists them")
    before = _document(row.ci_id, row.source, _as_said(row))
    audit.record(session, actor, [Write("delete", CI_STATE, row.ci_id, before, None)])
    session.delete(row)
    session.flush()
    revision.note(session, CI_STATE, [state_id], keep=revision_keep)


def list_states(
    session: Session, query: ListQuery, at: datetime, expired: bool | None = None
) -> StatePage:
    """One page of what is reported, the newest first. Raises InvalidListQueryError."""
    over = CIState.expires_at <= at
    standing = or_(CIState.expires_at.is_(None), CIState.expires_at > at)
    where = [] if expired is None else [over if expired else standing]
    page = list_page(
        session,
        CIState,
        LIST_COLUMNS,
        query,
        default_ordering=("-reported_at", "-id"),
        where=where,
    )
    last = page.rows[-1].id if page.rows else None
    return StatePage(page.count, states_out(session, page.rows, at), page.more, last)


def states_out(
    session: Session, rows: Sequence[CIState | Row[Any]], at: datetime
) -> list[StateOut]:
    """Rows as they go out, with the names of their CIs."""
    names = ci_names(session, {row.ci_id for row in rows})
    return [
        StateOut(
            id=row.id,
            ci=names[row.ci_id],
            source=row.source,
            state=row.state,
            since=row.since,
            reported_at=row.reported_at,
            expires_at=row.expires_at,
            expired=row.expires_at is not None and row.expires_at <= at,
            message=row.message,
            actor=row.actor,
        )
        for row in rows
    ]


def ci_names(session: Session, ids: Iterable[int]) -> dict[int, CIName]:
    """CIs by id, retired ones too."""
    columns = ConfigurationItem.id, ConfigurationItem.name, ConfigurationItem.ci_class
    return {
        row.id: CIName(id=row.id, name=row.name, ci_class=row.ci_class)
        for some in chunks(ids)
        for row in session.execute(select(*columns).where(ConfigurationItem.id.in_(some)))
    }


def _refuse_far_times(reports: Sequence[StateReport], at: datetime, *, single: bool) -> None:
    errors: list[ErrorItem] = []
    for position, each in enumerate(reports):
        place = "" if single else f"/{position}"
        if each.reported_at is not None and each.reported_at > at + CLOCK_SKEW:
            errors.append(
                ErrorItem(
                    f"{place}/reported_at",
                    "reported_at is in the future",
                    rfc3339(each.reported_at),
                    f"it is {rfc3339(at)} here; a clock may be five minutes ahead",
                )
            )
        if each.expires_at is not None and each.expires_at > at + LONGEST:
            errors.append(
                ErrorItem(
                    f"{place}/expires_at",
                    "expires_at is more than a year ahead",
                    rfc3339(each.expires_at),
                    "leave it out for a report that stays until it is changed",
                )
            )
    if errors:
        raise InvalidInputError(errors[0].detail, hint=errors[0].hint, errors=errors)


def _cis(session: Session, reports: Sequence[StateReport], *, single: bool) -> list[int]:
    try:
        return resolve(session, [each.ci for each in reports], pointer="")
    except UnresolvedCIError as error:
        errors = [
            replace(item, pointer="/ci" if single else f"{item.pointer}/ci")
            for item in error.errors
        ]
        raise UnresolvedCIError(error.detail, hint=error.hint, errors=errors) from error


def _said(each: StateReport, at: datetime) -> _Said:
    reported_at = each.reported_at or at
    expires_at = each.expires_at
    if each.expires_in is not None:
        expires_at = reported_at + timedelta(seconds=each.expires_in)
    return _Said(each.state, reported_at, reported_at, expires_at, each.message)


def _rows(session: Session, ci_ids: Iterable[int]) -> dict[_Key, Row[Any]]:
    return {
        (row.ci_id, row.source): row
        for some in chunks(sorted(ci_ids))
        for row in session.execute(select(*_TABLE.c).where(CIState.ci_id.in_(some)))
    }


def _as_said(row: Row[Any] | CIState) -> _Said:
    return _Said(row.state, row.since, row.reported_at, row.expires_at, row.message)


def _values(key: _Key, said: _Said, actor: Actor) -> dict[str, Any]:
    return {
        "ci_id": key[0],
        "source": key[1],
        "state": said.state,
        "since": said.since,
        "reported_at": said.reported_at,
        "expires_at": said.expires_at,
        "message": said.message,
        "actor": actor.name,
    }


def _store(
    session: Session, changed: dict[_Key, _Said], stored: Mapping[_Key, Row[Any]], actor: Actor
) -> None:
    values = {key: _values(key, said, actor) for key, said in changed.items()}
    insert_rows(session, _TABLE, [row for key, row in values.items() if key not in stored])
    old = [{"id": stored[key].id, **row} for key, row in values.items() if key in stored]
    if old:
        session.execute(update(CIState), old)


def _trace(
    session: Session, changed: dict[_Key, _Said], before: dict[_Key, _Said], actor: Actor
) -> None:
    """Audit what is news; the same state said again, as monitoring does every minute, is none."""
    writes = []
    for key, said in changed.items():
        earlier = before.get(key)
        if earlier is None or (earlier.state, earlier.message) != (said.state, said.message):
            old = None if earlier is None else _document(*key, earlier)
            action = "create" if earlier is None else "update"
            writes.append(Write(action, CI_STATE, key[0], old, _document(*key, said)))
    audit.record(session, actor, writes)


def _document(ci_id: int, source: str, said: _Said) -> dict[str, Any]:
    return {
        "ci": ci_id,
        "source": source,
        "state": said.state,
        "reported_at": rfc3339(said.reported_at),
        "expires_at": None if said.expires_at is None else rfc3339(said.expires_at),
        "message": said.message,
    }
