"""Relationships one by one, as the API writes them; the source is `manual`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cmdb.incoming import DEFAULT_TYPE
from cmdb.items import KEEP
from cmdb.manual_relationships import forget_limit, report_by_hand, say_by_hand
from cmdb.models import Dependency, Relationship
from cmdb.redundancy_groups import drop_if_empty, group_named, refuse_small_groups
from cmdb.references import UnresolvedCIError, resolve
from cmdb.relationship_checks import SaidRelationship, checked_relationship, refuse
from cmdb.relationship_reads import relationships_out, stored_relationship, with_words
from cmdb.relationship_settling import settle, tell
from cmdb.relationship_states import relationship_states
from cmdb.relationship_types import type_vocabulary
from cmdb.schemas import RelationshipIn, RelationshipOut, RelationshipPatch
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.transaction import moment
from opsatlas.errors import ConflictError, ErrorItem, PreconditionFailedError


class RelationshipTakenError(ConflictError):
    """There is such a relationship already."""

    code = "relationship_taken"


class StaleRelationshipError(PreconditionFailedError):
    """The relationship was changed since the caller read it."""

    code = "stale_version"


def create_relationships(
    session: Session,
    items: Sequence[RelationshipIn],
    actor: Actor,
    *,
    single: bool = False,
    revision_keep: int = KEEP,
) -> list[RelationshipOut]:
    """Create relationships, all or none, in this order.

    `single` says that the input was one object rather than a list, for the pointers of errors.
    Raises UnresolvedCIError for ends that are unknown or ambiguous, InvalidRelationshipError,
    RelationshipTakenError.
    """
    revision.lock(session)
    at = [""] if single else [f"/{position}" for position in range(len(items))]
    types = type_vocabulary(session)
    errors: list[ErrorItem] = []
    said = [
        checked_relationship(
            item.model_dump(exclude={"dependent", "provider"}), place, types, errors
        )
        for item, place in zip(items, at, strict=True)
    ]
    dependents = _ends(session, [item.dependent for item in items], at, "dependent")
    providers = _ends(session, [item.provider for item in items], at, "provider")
    for place, dependent, provider in zip(at, dependents, providers, strict=True):
        if dependent == provider:
            message = "a CI cannot depend on itself"
            errors.append(ErrorItem(f"{place}/provider", message, hint="name two CIs"))
    refuse(errors)
    rows: list[Relationship] = []
    groups: dict[int, SaidRelationship] = {}
    changed: set[int] = set()
    for dependent, provider, each in zip(dependents, providers, said, strict=True):
        group_id = None
        if each.group is not None:
            group_id = group_named(session, dependent, each, groups, changed, actor)
        type_name = each.type or DEFAULT_TYPE
        _refuse_taken(session, (dependent, provider, type_name, group_id), each.at)
        row = Relationship(
            dependent_id=dependent,
            provider_id=provider,
            type=type_name,
            dependency=each.dependency or Dependency.REQUIRED.value,
            group_id=group_id,
            version=1,
            created_at=moment(session),
            updated_at=moment(session),
        )
        session.add(row)
        session.flush()
        report_by_hand(session, row, each)
        rows.append(row)
    session.flush()
    refuse_small_groups(session, groups)
    out = relationships_out(session, rows)
    writes = [Write("create", "relationship", each.id, None, _state(each)) for each in out]
    audit.record(session, actor, writes)
    revision.note(
        session, "relationship", {*changed, *(row.id for row in rows)}, keep=revision_keep
    )
    return with_words(session, out)


def update_relationship(
    session: Session,
    relationship_id: int,
    patch: RelationshipPatch,
    actor: Actor,
    *,
    if_version: int | None = None,
    revision_keep: int = KEEP,
) -> RelationshipOut:
    """Change a relationship; `min_up` is that of its whole group.

    Raises NoSuchRelationshipError, StaleRelationshipError, InvalidRelationshipError,
    RelationshipTakenError.
    """
    revision.lock(session)
    row = stored_relationship(session, relationship_id)
    _check_version(row, if_version)
    (before,) = relationships_out(session, [row])
    given = patch.model_dump(exclude_unset=True)
    errors: list[ErrorItem] = []
    if "redundancy_group" not in given:
        given["redundancy_group"] = before.redundancy_group
    said = checked_relationship(given, "", type_vocabulary(session), errors)
    refuse(errors)
    old_group = row.group_id
    groups: dict[int, SaidRelationship] = {}
    changed: set[int] = set()
    group_id = None
    if said.group is not None:
        group_id = group_named(session, row.dependent_id, said, groups, changed, actor, but=row.id)
    type_name = said.type or row.type
    _refuse_taken(session, (row.dependent_id, row.provider_id, type_name, group_id), "", but=row.id)
    row.group_id = group_id
    row.type = type_name
    session.flush()
    if old_group != group_id:
        forget_limit(session, row.id)
        drop_if_empty(session, old_group)
    say_by_hand(session, row, given, said)
    changes = settle(session, [row.id], [each for each in (old_group, group_id) if each])
    changes.pop(row.id, None)
    tell(session, actor, changes)
    changed.update(changes)
    refuse_small_groups(session, groups)
    (after,) = relationships_out(session, [row])
    old, new = audit.difference(_state(before), _state(after))
    if before.sources != after.sources:
        old["sources"] = [each for each in before.sources if each not in after.sources]
        new["sources"] = [each for each in after.sources if each not in before.sources]
    if new:
        row.version = before.version + 1
        row.updated_at = moment(session)
        session.flush()
        audit.record(session, actor, [Write("update", "relationship", row.id, old, new)])
        changed.add(row.id)
    revision.note(session, "relationship", changed, keep=revision_keep)
    return with_words(session, relationships_out(session, [row]))[0]


def delete_relationship(
    session: Session,
    relationship_id: int,
    actor: Actor,
    *,
    if_version: int | None = None,
    revision_keep: int = KEEP,
) -> None:
    """Delete a relationship; the audit trail keeps what it was.

    A source that still reports it brings it back with its next load. Raises
    NoSuchRelationshipError, StaleRelationshipError.
    """
    revision.lock(session)
    row = stored_relationship(session, relationship_id)
    _check_version(row, if_version)
    before = relationship_states(session, [row.id])[row.id]
    group_id = row.group_id
    session.execute(delete(Relationship).where(Relationship.id == row.id))
    session.expunge(row)
    drop_if_empty(session, group_id)
    audit.record(session, actor, [Write("delete", "relationship", relationship_id, before, None)])
    changes = settle(session, [], [] if group_id is None else [group_id])
    tell(session, actor, changes)
    revision.note(session, "relationship", [relationship_id, *changes], keep=revision_keep)


def _ends(session: Session, references: Sequence[Any], at: Sequence[str], column: str) -> list[int]:
    """The CIs of one end of each relationship, with errors that point to where they were named."""
    try:
        return resolve(session, references, pointer="", retired=True)
    except UnresolvedCIError as error:
        error.errors = tuple(
            replace(item, pointer=f"{at[int(item.pointer.removeprefix('/'))]}/{column}")
            for item in error.errors
        )
        raise


def _refuse_taken(
    session: Session, identity: tuple[int, int, str, int | None], at: str, *, but: int = 0
) -> None:
    """Raise where there is a relationship of this dependent, provider, type and group."""
    dependent, provider, type_name, group_id = identity
    same = session.scalar(
        select(Relationship.id).where(
            Relationship.dependent_id == dependent,
            Relationship.provider_id == provider,
            Relationship.type == type_name,
            Relationship.group_id.is_not_distinct_from(group_id),
            Relationship.id != but,
        )
    )
    if same is not None:
        message = f"there is such a relationship already: {same}"
        item = ErrorItem(at, message, hint="change that one", candidates=({"id": same},))
        raise RelationshipTakenError(message, hint=item.hint, errors=[item])


def _check_version(row: Relationship, if_version: int | None) -> None:
    if if_version is not None and row.version != if_version:
        raise StaleRelationshipError(
            f"the relationship is at version {row.version}, not {if_version}",
            hint="read it again and repeat the change",
        )


def _state(out: RelationshipOut) -> dict[str, Any]:
    """What the audit trail keeps of a relationship."""
    return {
        "dependent": out.dependent.id,
        "provider": out.provider.id,
        "type": out.type,
        "dependency": out.dependency.value,
        "redundancy_group": out.redundancy_group,
        "min_up": out.min_up,
    }
