"""Merge a CI into another one: both are one thing, and what is said of it is brought together."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, select, update
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.claims import MANUAL, is_correction
from cmdb.decision_models import CIMerge, IdentificationReview, ReviewState
from cmdb.incoming import STATUS
from cmdb.kept_apart import inherit, refuse_kept_apart
from cmdb.merge_journal import Journal
from cmdb.merge_plan import Edge, Group, Joined, MergePlan
from cmdb.merge_reading import Reading, read_and_plan
from cmdb.merge_report import merge_report
from cmdb.merge_schemas import MergeReport
from cmdb.models import (
    ConfigurationItem,
    ExternalKey,
    LifecycleStatus,
    RedundancyGroup,
    Relationship,
    RelationshipSource,
)
from cmdb.plan import ChangedKeys
from cmdb.recompute import recompute
from cmdb.relationship_audit import record_changes
from cmdb.relationship_settling import write_word
from cmdb.relationship_states import relationship_states
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.transaction import moment

_ROWS, _GROUPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (Relationship, RedundancyGroup, RelationshipSource)
)


def preview(session: Session, loser_id: int, winner_id: int) -> MergeReport:
    """What `merge` would do. Raises as that does."""
    refuse_kept_apart(session, loser_id, winner_id)
    reading = read_and_plan(session, loser_id, winner_id)
    return merge_report(session, reading.plan, None, len(_reviews(session, loser_id)))


def merge(
    session: Session, loser_id: int, winner_id: int, actor: Actor, *, revision_keep: int
) -> MergeReport:
    """Make `loser_id` part of `winner_id`. What is left of it is retired and leads on.

    Raises NoSuchCIError, MergedError, KeptApartError, InvalidMergeError.
    """
    revision.lock(session)
    refuse_kept_apart(session, loser_id, winner_id)
    reading = read_and_plan(session, loser_id, winner_id)
    plan = reading.plan
    report = merge_report(session, plan, None, 0)
    row = CIMerge(
        loser_id=loser_id,
        winner_id=winner_id,
        moved={},
        actor=actor.name,
        at=moment(session),
        undone_by=None,
        undone_at=None,
    )
    session.add(row)
    session.flush()
    journal = Journal(status=plan.loser.values[STATUS])
    touched = _touched(session, reading)
    before = relationship_states(session, touched)
    _move_keys(session, row, journal)
    _move_relationships(session, reading, journal)
    changed = record_changes(session, actor, before, touched)
    _retire(session, row, actor, journal)
    journal.reviews = _move_reviews(session, row)
    journal.kept_apart = inherit(session, loser_id, winner_id, actor)
    row.moved = journal.as_json()
    session.flush()
    keys: ChangedKeys = ([], keys_told(journal))
    recompute(session, [winner_id], actor, revision_keep=revision_keep, keys={winner_id: keys})
    revision.note(session, "ci", [loser_id, winner_id], keep=revision_keep)
    revision.note(session, "relationship", changed, keep=revision_keep)
    return report.model_copy(
        update={"id": row.id, "dry_run": False, "reviews": len(journal.reviews)}
    )


def keys_told(journal: Journal) -> list[dict[str, str]]:
    """The keys that moved, as the audit trail has them."""
    return [
        {"source": each["source"], "key": each["key"]}
        for each in journal.keys
        if each["source"] != MANUAL or not is_correction(each["key"])
    ]


def write_back(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Give relationships the ends and the group that the rows say."""
    statement = (
        update(_ROWS)
        .where(_ROWS.c.id == bindparam("of_id"))
        .values(
            dependent_id=bindparam("new_dependent"),
            provider_id=bindparam("new_provider"),
            group_id=bindparam("new_group"),
        )
    )
    for some in chunks(rows):
        session.execute(
            statement,
            [
                {
                    "of_id": each["id"],
                    "new_dependent": each["dependent"],
                    "new_provider": each["provider"],
                    "new_group": each["group"],
                }
                for each in some
            ],
        )


def set_limit(session: Session, group_id: int, min_up: Sequence[Any]) -> None:
    """Give a redundancy group this limit: (value, whether it is a percentage)."""
    session.execute(
        update(_GROUPS)
        .where(_GROUPS.c.id == group_id)
        .values(min_up=min_up[0], min_up_is_percent=min_up[1])
    )


def _touched(session: Session, reading: Reading) -> set[int]:
    """The relationships that the merge changes."""
    plan = reading.plan
    ids = {edge.id for edge in plan.gone}
    ids |= {edge.id for edge, _ in plan.moved}
    ids |= {end.id for each in plan.joined for end in (each.edge, each.into)}
    for limit in plan.limits:
        members = select(_ROWS.c.id).where(_ROWS.c.group_id == limit.group.id)
        ids.update(session.scalars(members))
    return ids


def _move_keys(session: Session, row: CIMerge, journal: Journal) -> None:
    mine = ExternalKey.ci_id == row.loser_id
    keys = session.execute(
        select(ExternalKey.source, ExternalKey.key, ExternalKey.merge_id)
        .where(mine)
        .order_by(ExternalKey.source, ExternalKey.key)
    )
    journal.keys = [
        {"source": each.source, "key": each.key, "merge": each.merge_id} for each in keys
    ]
    session.execute(update(ExternalKey).where(mine).values(ci_id=row.winner_id, merge_id=row.id))


def _move_relationships(session: Session, reading: Reading, journal: Journal) -> None:
    plan = reading.plan
    new_groups = {group.id: same.id for group, same in plan.joined_groups}
    for group in plan.moved_groups:
        new_groups[group.id] = _copy_group(session, group, plan.winner.id)
    group_id = {key: group.id for key, group in reading.groups.items()}

    def of(edge: Edge) -> int | None:
        return None if edge.group is None else group_id[edge.dependent, edge.group]

    _take_out(session, plan, of, journal)
    for joined in plan.joined:
        _join(session, joined)
    _write_words(session, plan, journal)
    for edge, over in plan.moved:
        old = of(edge)
        after = {"dependent": over.dependent, "provider": over.provider}
        journal.moved.append(
            {
                "id": edge.id,
                "dependent": edge.dependent,
                "provider": edge.provider,
                "group": old,
                "after": {**after, "group": None if old is None else new_groups.get(old, old)},
            }
        )
    moves = ({"id": each["id"], **each["after"]} for each in journal.moved)
    write_back(session, moves)
    for limit in plan.limits:
        into = new_groups.get(limit.group.id, limit.group.id)
        journal.limits.append(
            {"id": into, "before": list(limit.group.min_up), "after": list(limit.min_up)}
        )
        set_limit(session, into, limit.min_up)
    _remove_empty(session, [*reading.groups.values()], new_groups, journal)


def _copy_group(session: Session, group: Group, dependent: int) -> int:
    made = RedundancyGroup(
        dependent_id=dependent,
        name=group.name,
        min_up=group.min_up.value,
        min_up_is_percent=group.min_up.is_percent,
    )
    session.add(made)
    session.flush()
    return made.id


def _take_out(session: Session, plan: MergePlan, of: Any, journal: Journal) -> None:
    """Delete the relationships that become part of others, and those between the two."""
    ids = [*(each.edge.id for each in plan.joined), *(edge.id for edge in plan.gone)]
    rows: dict[int, dict[str, Any]] = {}
    for some in chunks(ids):
        found = session.execute(
            select(_ROWS.c.id, _ROWS.c.version, _ROWS.c.created_at).where(_ROWS.c.id.in_(some))
        )
        rows |= {
            row.id: {"version": row.version, "created_at": row.created_at.isoformat()}
            for row in found
        }

    def whole(edge: Edge) -> dict[str, Any]:
        return {
            "id": edge.id,
            "dependent": edge.dependent,
            "provider": edge.provider,
            "type": edge.type,
            "dependency": edge.dependency,
            "group": of(edge),
            **rows[edge.id],
        }

    journal.gone = [
        {"row": whole(edge), "claims": dict(edge.claims), "words": _listed(edge)}
        for edge in plan.gone
    ]
    journal.joined = [
        {
            "row": whole(each.edge),
            "claims": dict(each.edge.claims),
            "words": _listed(each.edge),
            "into": each.into.id,
            "into_claims": dict(each.into.claims),
            "into_words": _listed(each.into),
            "into_dependency": each.into.dependency,
            "dependency": each.dependency,
        }
        for each in plan.joined
    ]
    for some in chunks(ids):
        session.execute(delete(_ROWS).where(_ROWS.c.id.in_(some)))


def _write_words(session: Session, plan: MergePlan, journal: Journal) -> None:
    """Let sources say what is planned, and keep what they said of the relationships that stay."""
    own = {(each.into.id, source) for each in plan.joined for source in each.into.claims}
    brought = {(each.into.id, source) for each in plan.joined for source in each.edge.claims} - own
    journal.words = []
    for new in plan.words:
        write_word(session, new.id, new.source, new.after)
        if (new.id, new.source) not in brought:
            before, after = list(new.before), list(new.after)
            journal.words.append(
                {"id": new.id, "source": new.source, "before": before, "after": after}
            )


def _join(session: Session, joined: Joined) -> None:
    """Let the relationship that stays have the claims of both; of one source the earlier."""
    into = joined.into
    for source, run in joined.edge.claims.items():
        claim = (_CLAIMS.c.relationship_id == into.id) & (_CLAIMS.c.source == source)
        if source not in into.claims:
            values = {"relationship_id": into.id, "source": source, "run_id": run}
            session.execute(insert(_CLAIMS), [values])
        elif (run or 0) < (into.claims[source] or 0):
            session.execute(update(_CLAIMS).where(claim).values(run_id=run))
    if into.dependency != joined.dependency:
        session.execute(
            update(_ROWS).where(_ROWS.c.id == into.id).values(dependency=joined.dependency)
        )


def _listed(edge: Edge) -> dict[str, list[str | None]]:
    return {source: list(word) for source, word in edge.words.items()}


def _remove_empty(
    session: Session, groups: list[Group], new_groups: dict[int, int], journal: Journal
) -> None:
    """Delete the groups that have no member any more, and keep what they were."""
    ids = {*(group.id for group in groups), *new_groups.values()}
    without = (_GROUPS.c.id.in_(ids)) & ~exists().where(_ROWS.c.group_id == _GROUPS.c.id)
    empty = set(session.scalars(select(_GROUPS.c.id).where(without)))
    session.execute(delete(_GROUPS).where(_GROUPS.c.id.in_(empty)))
    known = {group.id for group in groups}
    for group in groups:
        if group.id in empty:
            into = new_groups.get(group.id)
            journal.groups.append(
                {
                    "id": group.id,
                    "dependent": group.dependent,
                    "name": group.name,
                    "min_up": list(group.min_up),
                    "into": None if into in empty else into,
                    "joined": into in known,
                }
            )


def _retire(session: Session, row: CIMerge, actor: Actor, journal: Journal) -> None:
    loser = session.get_one(ConfigurationItem, row.loser_id)
    keys = keys_told(journal)
    before = {"status": loser.status, "merged_into": None, "keys": keys}
    loser.status = LifecycleStatus.RETIRED.value
    loser.merged_into = row.winner_id
    loser.version += 1
    loser.updated_at = moment(session)
    session.flush()
    after = {"status": loser.status, "merged_into": row.winner_id, "keys": []}
    audit.record(session, actor, [Write("merge", "ci", loser.id, before, after)])


def _reviews(session: Session, ci_id: int) -> list[IdentificationReview]:
    """The open reviews in which a record fits this CI."""
    rows = session.scalars(
        select(IdentificationReview)
        .where(IdentificationReview.state == ReviewState.OPEN)
        .order_by(IdentificationReview.id)
    )
    return [row for row in rows if any(each["ci"] == ci_id for each in row.candidates)]


def _move_reviews(session: Session, row: CIMerge) -> list[dict[str, Any]]:
    moved: list[dict[str, Any]] = []
    for review in _reviews(session, row.loser_id):
        reasons: dict[int, list[str]] = {}
        for each in review.candidates:
            ci_id = row.winner_id if each["ci"] == row.loser_id else each["ci"]
            known = reasons.setdefault(ci_id, [])
            known += [reason for reason in each["reasons"] if reason not in known]
        after = [{"ci": ci_id, "reasons": texts} for ci_id, texts in reasons.items()]
        moved.append({"id": review.id, "before": review.candidates, "after": after})
        review.candidates = after
    return moved
