"""The relationships' part of undoing an import run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.merge_journal import note_later
from cmdb.merged import follow
from cmdb.models import (
    ConfigurationItem,
    ImportChange,
    RedundancyGroup,
    Relationship,
    RelationshipSource,
)
from cmdb.relationship_settling import groups_of, settle, tell
from cmdb.relationship_states import relationship_states
from cmdb.relationship_words import SILENT, Word
from cmdb.undo_words import restore_words, say_instead
from cmdb.values import MinUp
from opsatlas import audit
from opsatlas.audit import Write
from opsatlas.clock import parse_rfc3339
from opsatlas.db.transaction import moment

if TYPE_CHECKING:
    from cmdb.undo import Undoing

_RELATIONSHIPS = Relationship.metadata.tables[Relationship.__tablename__]
_ENTITY = "relationship"


def undo_relationships(work: Undoing) -> None:
    """Take back the run's word for relationships, and bring back what it removed or changed."""
    groups = _withdraw(work)
    settled: set[int] = set()
    for key, before in _changes(work, "relationship"):
        settled.add(work.successors.relationship(int(key)))
        if before.get("removed"):
            held = _holding(work, int(key), before)
            if held is not None:
                _recreate(work, int(key), {**before, "run": held[0]})
                for end in (before["dependent"], before["provider"]):
                    note_later(work.session, work.successors.merges.get(end), int(key))
        else:
            _restore_unsaid(work, work.successors.relationship(int(key)), before)
    for key, before in _changes(work, "claim"):
        relationship = work.successors.relationship(int(key))
        settled.add(relationship)
        held = _holding(work, relationship, before)
        if held is not None:
            _claim_again(work, relationship, {**before, "run": held[0]})
            note_later(work.session, work.successors.joining.get(int(key)), relationship)
    for key, before in _changes(work, "redundancy_group"):
        group = work.successors.group(int(key))
        groups.add(group)
        _restore_unsaid_limit(work, group, before)
    settled |= restore_words(work, list(_changes(work, "said")))
    remove_empty_groups(work.session)
    work.session.flush()
    settled |= work.relationships
    changes = settle(work.session, settled, groups | groups_of(work.session, settled))
    tell(work.session, work.actor, changes)
    work.relationships |= changes.keys()


def still_used(session: Session, ci_id: int) -> bool:
    """Whether any relationship leads from or to a CI."""
    either = (Relationship.dependent_id == ci_id) | (Relationship.provider_id == ci_id)
    return session.scalar(select(exists().where(either))) is True


def remove_empty_groups(session: Session) -> None:
    """Delete redundancy groups that lost their last member."""
    members = exists().where(Relationship.group_id == RedundancyGroup.id)
    session.execute(delete(RedundancyGroup).where(~members))


def remove_unclaimed(session: Session, ids: Iterable[int]) -> set[int]:
    """Delete those of the relationships that no source reports; returns their ids."""
    gone: set[int] = set()
    for some in chunks(ids):
        claimed = exists().where(RelationshipSource.relationship_id == Relationship.id)
        unclaimed = session.scalars(
            select(Relationship.id).where(Relationship.id.in_(some), ~claimed)
        ).all()
        session.execute(delete(Relationship).where(Relationship.id.in_(unclaimed)))
        gone.update(unclaimed)
    return gone


def _withdraw(work: Undoing) -> set[int]:
    """Take back that the source reports what this run brought; returns the groups of that."""
    mine = (
        RelationshipSource.source == work.run.source,
        RelationshipSource.run_id == work.run.id,
    )
    ids = work.session.scalars(select(RelationshipSource.relationship_id).where(*mine)).all()
    states = relationship_states(work.session, ids)
    groups = groups_of(work.session, ids)
    work.session.execute(delete(RelationshipSource).where(*mine))
    kept = {each for each in ids if _claim_of_another_run(work, each)}
    gone = remove_unclaimed(work.session, ids)
    work.relationships |= gone
    entries = (Write("delete", _ENTITY, each, states[each], None) for each in sorted(gone))
    for some in chunks(entries):
        audit.record(work.session, work.actor, some)
    for each in ids:
        if each not in gone | kept:
            _change(work, each, {"sources": [work.run.source]}, {"sources": []})
    work.relationships |= kept
    return groups


def _claim_of_another_run(work: Undoing, relationship_id: int) -> bool:
    """Let the source go on to report a relationship that a merge made of several, where another
    run holds that reported one of those; returns whether there is one."""
    source = work.run.source
    heir = work.successors.heir(relationship_id, source, {*work.undone, work.run.id})
    if heir is None:
        return False
    word = work.successors.said.get((relationship_id, source, heir[0]), SILENT)
    values = {
        "relationship_id": relationship_id,
        "source": source,
        "run_id": heir[0],
        **word._asdict(),
    }
    work.session.execute(insert(RelationshipSource), [values])
    return True


def _holding(
    work: Undoing, relationship_id: int, before: dict[str, Any]
) -> tuple[int | None] | None:
    """The run of a claim that comes back, unless that was undone meanwhile."""
    if before["run"] not in work.undone:
        return (before["run"],)
    return work.successors.heir(relationship_id, before["source"], work.undone)


def _recreate(work: Undoing, relationship_id: int, before: dict[str, Any]) -> None:
    goals = follow(work.session, [before["dependent"], before["provider"]])
    before = {**before, **{end: goals[before[end]] for end in ("dependent", "provider")}}
    if before["dependent"] == before["provider"]:
        work.conflict(f"relationship {relationship_id}", "its ends were merged into one CI")
        return
    ends = {before["dependent"], before["provider"]}
    there = set(
        work.session.scalars(select(ConfigurationItem.id).where(ConfigurationItem.id.in_(ends)))
    )
    if there != ends:
        missing = ", ".join(str(each) for each in sorted(ends - there))
        work.conflict(f"relationship {relationship_id}", f"CI {missing} is no longer there")
        return
    group_id = _group(work.session, before)
    found = work.session.scalar(
        select(Relationship.id).where(
            Relationship.dependent_id == before["dependent"],
            Relationship.provider_id == before["provider"],
            Relationship.type == before["type"],
            Relationship.group_id.is_(None)
            if group_id is None
            else Relationship.group_id == group_id,
        )
    )
    if found is None:
        # Under its old id: what refers to it, such as the audit trail, goes on to do so.
        row = {
            "id": relationship_id,
            "dependent_id": before["dependent"],
            "provider_id": before["provider"],
            "type": before["type"],
            "dependency": before["dependency"],
            "group_id": group_id,
            "version": before["version"],
            "created_at": parse_rfc3339(before["created_at"]),
            "updated_at": moment(work.session),
        }
        work.session.execute(insert(_RELATIONSHIPS), [row])
        claim = RelationshipSource(
            relationship_id=relationship_id,
            source=before["source"],
            run_id=before["run"],
            **_said(work, relationship_id, before)._asdict(),
        )
        work.session.add(claim)
        work.session.flush()
        state = relationship_states(work.session, [relationship_id])[relationship_id]
        audit.record(
            work.session, work.actor, [Write("create", _ENTITY, relationship_id, None, state)]
        )
        work.relationships.add(relationship_id)
        return
    _claim_again(work, found, before)
    work.relationships.add(found)


def _group(session: Session, before: dict[str, Any]) -> int | None:
    if before["group"] is None:
        return None
    found = session.scalar(
        select(RedundancyGroup.id).where(
            RedundancyGroup.dependent_id == before["dependent"],
            RedundancyGroup.name == before["group"],
        )
    )
    if found is not None:
        return found
    group = RedundancyGroup(
        dependent_id=before["dependent"],
        name=before["group"],
        min_up=before["min_up"],
        min_up_is_percent=before["min_up_is_percent"],
    )
    session.add(group)
    session.flush()
    return group.id


def _restore_unsaid(work: Undoing, relationship_id: int, before: dict[str, Any]) -> None:
    """Take back a dependency that a run changed when no words were kept yet."""
    row = work.session.get(Relationship, relationship_id)
    if row is None:
        work.conflict(f"relationship {relationship_id}", "it was taken away since")
    elif row.dependency != before["after"]["dependency"]:
        work.conflict(
            f"dependency of relationship {relationship_id}",
            f"changed since to {row.dependency!r}",
        )
    else:
        say_instead(work.session, [relationship_id], Word(before["dependency"]))


def _restore_unsaid_limit(work: Undoing, group_id: int, before: dict[str, Any]) -> None:
    """Take back a limit that a run changed when no words were kept yet."""
    row = work.session.get(RedundancyGroup, group_id)
    if row is None:
        return  # its members are gone, and with them what the limit was about
    if [row.min_up, row.min_up_is_percent] != before["after"]:
        work.conflict(f"min_up of the redundancy group {row.name!r}", "changed since")
        return
    members = select(Relationship.id).where(Relationship.group_id == group_id)
    limit = MinUp(before["min_up"], before["min_up_is_percent"])
    say_instead(work.session, work.session.scalars(members).all(), Word(min_up=str(limit)))


def _said(work: Undoing, relationship_id: int, before: dict[str, Any]) -> Word:
    """What the source said of a relationship that it reports again."""
    inherited = work.successors.said.get((relationship_id, before["source"], before["run"]))
    if inherited is not None:
        return inherited
    if "said" in before:
        return Word(*before["said"])
    limit = None  # a run of a version that kept no words
    if before.get("min_up") is not None:
        limit = str(MinUp(before["min_up"], before["min_up_is_percent"]))
    return Word(before.get("dependency"), limit)


def _claim_again(work: Undoing, relationship_id: int, before: dict[str, Any]) -> None:
    source = before["source"]
    if work.session.get(Relationship, relationship_id) is None:
        work.conflict(f"relationship {relationship_id}", "it was taken away since")
    elif work.session.get(RelationshipSource, (relationship_id, source)) is None:
        work.session.add(
            RelationshipSource(
                relationship_id=relationship_id,
                source=source,
                run_id=before["run"],
                **_said(work, relationship_id, before)._asdict(),
            )
        )
        work.session.flush()
        _change(work, relationship_id, {"sources": []}, {"sources": [source]})


def _change(
    work: Undoing, relationship_id: int, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """A new version of a relationship, with its entry in the audit trail."""
    work.session.execute(
        update(Relationship)
        .where(Relationship.id == relationship_id)
        .values(version=Relationship.version + 1, updated_at=moment(work.session))
    )
    audit.record(
        work.session, work.actor, [Write("update", _ENTITY, relationship_id, before, after)]
    )
    work.relationships.add(relationship_id)


def _changes(work: Undoing, entity: str) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = work.session.execute(
        select(ImportChange.entity_key, ImportChange.before)
        .where(ImportChange.run_id == work.run.id, ImportChange.entity == entity)
        .order_by(ImportChange.id)
    ).all()
    for row in rows:
        yield row.entity_key, row.before
