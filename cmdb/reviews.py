"""The review queue: records that fit several CIs, decided by a person once for all loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cmdb.apply_records import THE_REST, write_identifiers
from cmdb.bulk import LoadRun
from cmdb.claims import Claim, effective
from cmdb.decision_models import IdentificationReview, ReviewState
from cmdb.incoming import STORED
from cmdb.inventory import stored_ci
from cmdb.models import ConfigurationItem, ExternalKey
from cmdb.names import fold
from cmdb.plan import keys_of
from cmdb.precedence import class_roots, read_precedence
from cmdb.recompute import recompute
from cmdb.source_schemas import ReviewCandidate, ReviewOut
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import now
from opsatlas.db.listing import ListQuery, field_columns, list_page
from opsatlas.db.transaction import moment
from opsatlas.errors import ConflictError, InvalidInputError, NotFoundError

LIST_COLUMNS = field_columns(IdentificationReview, without=("said", "candidates"))
"""What a list of reviews can be filtered and ordered by."""


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[ReviewOut]
    more: bool
    last_id: int | None


class DecidedError(ConflictError):
    """Somebody has decided already."""

    code = "already_decided"


def list_reviews(session: Session, query: ListQuery) -> ReviewPage:
    """One page of reviews, the newest first. Raises InvalidListQueryError."""
    page = list_page(session, IdentificationReview, LIST_COLUMNS, query, default_ordering=("-id",))
    last = page.rows[-1].id if page.rows else None
    return ReviewPage(page.count, _out(session, page.rows), page.more, last)


def get_review(session: Session, review_id: int) -> ReviewOut:
    """One review. Raises NotFoundError."""
    return _out(session, [_stored(session, review_id)])[0]


def merge(
    session: Session, review_id: int, ci_id: int, actor: Actor, *, revision_keep: int
) -> ReviewOut:
    """Decide that the record is this CI: it takes its values, and later loads know it by its key.

    Raises NotFoundError, DecidedError, and InvalidInputError for a CI that is not among the
    candidates.
    """
    revision.lock(session)
    row = _open(session, review_id)
    candidates = [each["ci"] for each in row.candidates]
    if ci_id not in candidates:
        listed = ", ".join(map(str, candidates))
        raise InvalidInputError(
            f"CI {ci_id} is none of those that the record fits", hint=f"they are {listed}"
        )
    stored_ci(session, ci_id)
    _link(session, row, ci_id)
    keys = {ci_id: (keys_of(row.source, []), keys_of(row.source, [row.key]))}
    recompute(session, [ci_id], actor, revision_keep=revision_keep, keys=keys)
    return _decide(session, row, ReviewState.MERGED, ci_id, actor)


def keep_apart(session: Session, review_id: int, actor: Actor, *, revision_keep: int) -> ReviewOut:
    """Decide that the record is none of the CIs: it becomes one of its own, for later loads too.

    Raises NotFoundError, DecidedError.
    """
    revision.lock(session)
    row = _open(session, review_id)
    created = _new_ci(session, row, actor)
    revision.note(session, "ci", [created], keep=revision_keep)
    return _decide(session, row, ReviewState.KEPT_APART, created, actor)


def _new_ci(session: Session, row: IdentificationReview, actor: Actor) -> int:
    at = moment(session)
    claim = Claim(row.source, row.key, row.said, missing=False, seen_at=at)
    values, attributes = effective([claim], read_precedence(session), at)
    fields = dict(zip(STORED, values, strict=True))
    created = ConfigurationItem(
        **fields,
        folded_name=fold(fields["name"]),
        attributes=attributes,
        version=1,
        created_at=at,
        updated_at=at,
    )
    session.add(created)
    session.flush()
    _link(session, row, created.id)
    roots = class_roots(session)
    write_identifiers(
        LoadRun(session, row.source, actor, None, at),
        [(created.id, created.ci_class, fields, attributes)],
        lambda name: roots.get(name, name),
        new=True,
    )
    said = {name: value for name, value in fields.items() if value is not None}
    after = {"key": row.key, **said} | ({"attributes": attributes} if attributes else {})
    audit.record(session, actor, [Write("create", "ci", created.id, None, after)])
    return created.id


def _link(session: Session, row: IdentificationReview, ci_id: int) -> None:
    session.execute(
        insert(ExternalKey),
        [
            {
                "source": row.source,
                "key": row.key,
                "ci_id": ci_id,
                "said": row.said,
                "set_by": {THE_REST: row.run_id},
                "created_run": row.run_id,
                "seen_run": row.run_id,
                "seen_at": now(),
                "missing_run": None,
            }
        ],
    )


def _decide(
    session: Session, row: IdentificationReview, state: ReviewState, ci_id: int, actor: Actor
) -> ReviewOut:
    row.state, row.ci_id = state.value, ci_id
    row.decided_by, row.decided_at = actor.name, now()
    session.flush()
    after = {"state": state.value, "ci": ci_id}
    audit.record(session, actor, [Write("decide", "identification_review", row.id, None, after)])
    return _out(session, [row])[0]


def _stored(session: Session, review_id: int) -> IdentificationReview:
    row = session.get(IdentificationReview, review_id)
    if row is None:
        raise NotFoundError(f"there is no review {review_id}", hint="`opsatlas reviews list`")
    return row


def _open(session: Session, review_id: int) -> IdentificationReview:
    row = _stored(session, review_id)
    if row.state != ReviewState.OPEN:
        raise DecidedError(
            f"review {review_id} was decided by {row.decided_by}: {row.state.replace('_', ' ')}"
        )
    return row


def _out(session: Session, rows: Sequence[IdentificationReview]) -> list[ReviewOut]:
    ids = {each["ci"] for row in rows for each in row.candidates}
    known = {
        row.id: row
        for row in session.execute(
            select(ConfigurationItem.id, ConfigurationItem.name, ConfigurationItem.ci_class).where(
                ConfigurationItem.id.in_(ids)
            )
        )
    }

    def candidate(each: dict[str, Any]) -> ReviewCandidate | None:
        ci = known.get(each["ci"])
        if ci is None:
            return None
        return ReviewCandidate(
            ci=ci.id, name=ci.name, ci_class=ci.ci_class, reasons=each["reasons"]
        )

    return [
        ReviewOut(
            id=row.id,
            source=row.source,
            key=row.key,
            import_run=row.run_id,
            name=row.name,
            ci_class=row.ci_class,
            said=row.said,
            candidates=[found for each in row.candidates if (found := candidate(each))],
            state=row.state,
            ci=row.ci_id,
            decided_by=row.decided_by,
            created_at=row.created_at,
            decided_at=row.decided_at,
        )
        for row in rows
    ]
