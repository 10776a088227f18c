"""The relationships' part of undoing a merge."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from cmdb.merge import set_limit, write_back
from cmdb.merge_journal import Claims, Row
from cmdb.merge_reading import claims_of
from cmdb.models import ConfigurationItem, RedundancyGroup, Relationship, RelationshipSource
from cmdb.relationship_settling import groups_of, read_words, settle, write_word
from cmdb.relationship_words import Word
from opsatlas.db.transaction import moment

if TYPE_CHECKING:
    from cmdb.unmerge import Unmerging

_ROWS, _GROUPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (Relationship, RedundancyGroup, RelationshipSource)
)


def touched(work: Unmerging) -> set[int]:
    """The relationships that undoing the merge may change."""
    journal = work.journal
    ids = {each["id"] for each in journal.moved}
    ids |= {each["row"]["id"] for each in (*journal.gone, *journal.joined)}
    ids |= {each["into"] for each in journal.joined}
    for each in journal.limits:
        members = select(_ROWS.c.id).where(_ROWS.c.group_id == each["id"])
        ids.update(work.session.scalars(members))
    return ids


def give_back(work: Unmerging) -> None:
    """Let the relationships that moved lead from and to the loser again, and bring back those that
    went."""
    for each in work.journal.limits:
        if work.journal.words is None:  # a merge of a version that kept no words
            _raise_limit(work, each)
    for each in work.journal.words or ():
        _say_again(work, each)
    groups = {each["id"]: _group(work, each) for each in work.journal.groups}
    for each in work.journal.moved:
        _move_back(work, each, groups)
    for each in work.journal.joined:
        _part(work, each, groups)
    for each in work.journal.gone:
        claims = {source: run for source, run in each["claims"].items() if run not in work.undone}
        if claims or not each["claims"]:
            _recreate(work, each["row"], claims, each.get("words", {}), groups)
        else:
            work.conflict(_named(each["row"]), "the imports that reported it were undone")
    ids = {each["into"] for each in work.journal.groups} | groups.keys() | set(groups.values())
    without = _GROUPS.c.id.in_(ids - {None}) & ~exists().where(_ROWS.c.group_id == _GROUPS.c.id)
    work.session.execute(delete(_GROUPS).where(without))
    if work.journal.words is not None:
        changed = touched(work)
        settle(work.session, changed, groups_of(work.session, changed))


def _say_again(work: Unmerging, word: Row) -> None:
    """Let a source say of a relationship what it said before, unless it said something since."""
    now = read_words(work.session, [word["id"]]).get(word["id"], {}).get(word["source"])
    if now is None:
        return  # it does not report it any more
    back = [
        old if said == new else said
        for old, new, said in zip(word["before"], word["after"], now, strict=True)
    ]
    write_word(work.session, word["id"], word["source"], Word(*back))


def _raise_limit(work: Unmerging, limit: Row) -> None:
    row = work.session.execute(select(_GROUPS).where(_GROUPS.c.id == limit["id"])).one_or_none()
    if row is None:
        return  # its members are gone, and with them what the limit was about
    if [row.min_up, row.min_up_is_percent] == limit["after"]:
        set_limit(work.session, row.id, limit["before"])
    else:
        work.conflict(f"min_up of the redundancy group {row.name!r}", "changed since")


def _group(work: Unmerging, group: Row) -> int:
    """A redundancy group that ended with the merge, made again under its old id.

    Groups that find no member again are taken out at the end.
    """
    session = work.session
    same = select(_GROUPS.c.id).where(
        _GROUPS.c.dependent_id == group["dependent"], _GROUPS.c.name == group["name"]
    )
    found = session.scalar(same)
    if found is not None:
        return int(found)
    limit = group["min_up"]
    if group["into"] is not None and not group["joined"]:
        now = session.execute(
            select(_GROUPS.c.min_up, _GROUPS.c.min_up_is_percent).where(
                _GROUPS.c.id == group["into"]
            )
        ).one_or_none()
        limit = limit if now is None else list(now)
    values = {
        "id": group["id"],
        "dependent_id": group["dependent"],
        "name": group["name"],
        "min_up": limit[0],
        "min_up_is_percent": limit[1],
    }
    session.execute(insert(_GROUPS), [values])
    return int(group["id"])


def _move_back(work: Unmerging, moved: Row, groups: dict[int, int]) -> None:
    session = work.session
    row = session.execute(select(_ROWS).where(_ROWS.c.id == moved["id"])).one_or_none()
    what = f"relationship {moved['id']}"
    if row is None:
        work.conflict(what, "it was taken away since")
        return
    now = {"dependent": row.dependent_id, "provider": row.provider_id, "group": row.group_id}
    if now != moved["after"]:
        work.conflict(what, "it was changed since, and stays where it is")
        return
    group = groups.get(moved["group"], moved["group"])
    back = {"dependent": moved["dependent"], "provider": moved["provider"], "group": group}
    if _there(session, {**back, "type": row.type}) is not None:
        work.conflict(what, "there is such a relationship again")
        return
    write_back(session, [{"id": row.id, **back}])


def _part(work: Unmerging, joined: Row, groups: dict[int, int]) -> None:
    """Make two relationships of one again, each with what was said of it and still holds."""
    session, into = work.session, joined["into"]
    now = claims_of(session, [into]).get(into)
    if now is None:
        work.conflict(_named(joined["row"]), "it was taken away since")
        return
    mine: Claims = {}
    for source, run in joined["claims"].items():
        if source not in now:
            work.conflict(_named(joined["row"]), f"{source!r} does not report it any more")
        elif run not in work.undone:
            mine[source] = run
    for source, run in joined["claims"].items():
        claim = (_CLAIMS.c.relationship_id == into) & (_CLAIMS.c.source == source)
        own = joined["into_claims"]
        if source in now and (source not in own or own[source] in work.undone):
            if now[source] == run or source in own:
                session.execute(delete(_CLAIMS).where(claim))
        elif source in now:
            session.execute(update(_CLAIMS).where(claim).values(run_id=own[source]))
    if not claims_of(session, [into]):
        session.execute(delete(_ROWS).where(_ROWS.c.id == into))
    elif joined["dependency"] != joined["into_dependency"]:
        same = (_ROWS.c.id == into) & (_ROWS.c.dependency == joined["dependency"])
        statement = update(_ROWS).where(same).values(dependency=joined["into_dependency"])
        session.execute(statement)
    if mine or not joined["claims"]:
        _recreate(work, joined["row"], mine, joined.get("words", {}), groups)


def _recreate(
    work: Unmerging,
    row: Row,
    claims: Claims,
    words: dict[str, list[str | None]],
    groups: dict[int, int],
) -> None:
    session = work.session
    ends = {row["dependent"], row["provider"]}
    found = set(
        session.scalars(
            select(ConfigurationItem.id).where(
                ConfigurationItem.id.in_(ends), ConfigurationItem.merged_into.is_(None)
            )
        )
    )
    if found != ends:
        work.conflict(_named(row), "one of its ends is gone or was merged")
        return
    group = groups.get(row["group"], row["group"])
    if group is not None and not _leads(session, group, row["dependent"]):
        work.conflict(_named(row), "its redundancy group is gone")
        return
    back = {"dependent": row["dependent"], "provider": row["provider"], "group": group}
    if _there(session, {**back, "type": row["type"]}) is not None:
        work.conflict(_named(row), "there is such a relationship again")
        return
    values = {
        "id": row["id"],
        "dependent_id": row["dependent"],
        "provider_id": row["provider"],
        "type": row["type"],
        "dependency": row["dependency"],
        "group_id": group,
        "version": row["version"] + 1,
        "created_at": datetime.fromisoformat(row["created_at"]),
        "updated_at": moment(session),
    }
    session.execute(insert(_ROWS), [values])
    rows = [
        {
            "relationship_id": row["id"],
            "source": source,
            "run_id": run,
            **Word(*words.get(source, (row["dependency"], None)))._asdict(),
        }
        for source, run in claims.items()
    ]
    if rows:
        session.execute(insert(_CLAIMS), rows)


def _leads(session: Session, group_id: int, dependent: int) -> bool:
    group = (_GROUPS.c.id == group_id) & (_GROUPS.c.dependent_id == dependent)
    return session.scalar(select(exists().where(group))) is True


def _there(session: Session, identity: dict[str, Any]) -> int | None:
    """The relationship with these ends, type and group."""
    return session.scalar(
        select(_ROWS.c.id).where(
            _ROWS.c.dependent_id == identity["dependent"],
            _ROWS.c.provider_id == identity["provider"],
            _ROWS.c.type == identity["type"],
            _ROWS.c.group_id.is_not_distinct_from(identity["group"]),
        )
    )


def _named(row: Row) -> str:
    return f"relationship {row['id']} ({row['dependent']} {row['type']} {row['provider']})"
