"""What people say themselves: kept beside what sources say, and winning until it is released."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.apply_records import THE_REST
from cmdb.claims import ATTRIBUTE, MANUAL, Said, correction_key, is_correction
from cmdb.incoming import STORED
from cmdb.inventory import stored_ci
from cmdb.models import ConfigurationItem, ExternalKey
from cmdb.names import did_you_mean
from cmdb.plan import keys_of
from cmdb.recompute import recompute
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import now, rfc3339
from opsatlas.errors import InvalidInputError

REQUIRED = ("name", "ci_class")


def new_record(row: ConfigurationItem, key: str, said: Said, actor: Actor) -> ExternalKey:
    """What a person says of a CI for the first time; not yet added to a session."""
    moment = now()
    return ExternalKey(
        source=MANUAL,
        key=key,
        ci_id=row.id,
        said=said,
        set_by={THE_REST: [rfc3339(moment), actor.name]},
        created_run=None,
        seen_run=None,
        seen_at=moment,
        missing_run=None,
    )


def say(session: Session, row: ConfigurationItem, said: Said, actor: Actor) -> None:
    """Keep what a person says of a CI; None says "nothing"."""
    record = session.scalars(
        select(ExternalKey)
        .where(
            ExternalKey.source == MANUAL,
            ExternalKey.ci_id == row.id,
            # What came with a merge goes back with its undoing; this stays.
            ExternalKey.merge_id.is_(None),
        )
        .order_by(ExternalKey.key)
    ).first()
    if record is None:
        session.add(new_record(row, correction_key(row.id), said, actor))
    else:
        stamp = [rfc3339(now()), actor.name]
        record.said = {**record.said, **said}
        record.set_by = {**record.set_by, **dict.fromkeys(said, stamp)}
        record.seen_at = now()
    session.flush()


def release(
    session: Session, ci_id: int, names: Sequence[str], actor: Actor, *, revision_keep: int
) -> list[str]:
    """Give manual values back to the sources; returns the names that were released.

    No names: all that can be. Raises NoSuchCIError, and InvalidInputError for a field that has no
    manual value, or that no source could fill.
    """
    revision.lock(session)
    stored_ci(session, ci_id)
    records = session.scalars(select(ExternalKey).where(ExternalKey.ci_id == ci_id)).all()
    manual = [record for record in records if record.source == MANUAL]
    fixed: set[str] = set()
    if not any(record.source != MANUAL and "name" in record.said for record in records):
        fixed = set(REQUIRED)
    held = [name for record in manual for name in record.said]
    for name in names:
        if name not in held:
            free = [each for each in held if each not in fixed]
            raise InvalidInputError(
                f"{name!r} has no manual value",
                hint=did_you_mean(name, free) or f"manual are: {', '.join(free) or 'none'}",
            )
        if name in fixed:
            raise InvalidInputError(f"{name!r} is known from no other source")
    wanted = set(names or held) - fixed
    lost: list[str] = []
    for record in manual:
        record.said = {name: value for name, value in record.said.items() if name not in wanted}
        if not record.said:
            session.delete(record)
            if not is_correction(record.key):
                lost.append(record.key)
    session.flush()
    released = [name for name in dict.fromkeys(held) if name in wanted]
    if released:
        after = {"released": released}
        audit.record(session, actor, [Write("release", "ci", ci_id, None, after)])
        keys = {ci_id: (keys_of(MANUAL, lost), keys_of(MANUAL, []))} if lost else {}
        recompute(session, [ci_id], actor, revision_keep=revision_keep, keys=keys)
    return released


def said_by_hand(before: dict[str, Any], after: dict[str, Any]) -> Said:
    """What a change of fields says: `attributes` one by one, those that went as None."""
    said: Said = {name: after[name] for name in STORED if name in after}
    if "attributes" in after:
        old, new = before.get("attributes") or {}, after["attributes"] or {}
        for name in {**old, **new}:
            if old.get(name) != new.get(name) or (name in old) != (name in new):
                said[f"{ATTRIBUTE}{name}"] = new.get(name)
    return said
