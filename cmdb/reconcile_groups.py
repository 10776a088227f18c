"""Redundancy groups in reconciliation: what sources say of them, and what follows. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from cmdb.importers.records import Kind
from cmdb.incoming import IncomingRelationship
from cmdb.plan import (
    ChangedGroup,
    ChangedRelationship,
    ChangedWord,
    Current,
    CurrentRelationship,
    Identity,
    NewGroup,
    Plan,
    Rules,
)
from cmdb.problems import problem
from cmdb.relationship_words import at_most, limit_of, parsed_min_up
from cmdb.values import MinUp

Group = tuple[int, str]
"""The dependent, and the name."""
Said = Mapping[Group, Mapping[str, str]]
"""By group and source: the min_up that it says."""


@dataclass(slots=True)
class Wanted:
    """The good rows of the input, by what makes a relationship."""

    rows: dict[Identity, IncomingRelationship] = field(default_factory=dict)
    min_ups: dict[Group, dict[MinUp, IncomingRelationship]] = field(default_factory=dict)
    """What the rows of a group say, each with the first row that says it."""
    repeated: dict[Identity, list[IncomingRelationship]] = field(default_factory=dict)


@dataclass(slots=True)
class Groups:
    """What becomes of the groups that a load is about."""

    said: dict[Group, str] = field(default_factory=dict)
    """What the source says of them after the load."""
    limits: dict[Group, MinUp] = field(default_factory=dict)


def said_of_groups(current: Current, source: str) -> Said:
    """What the sources have said so far of the groups that are there."""
    if not current.groups:
        return {}
    oldest: dict[Group, dict[str, tuple[int, str]]] = {}
    for (dependent, _, _, group), stored in current.relationships.items():
        if group is None:
            continue
        mine = current.claimed.get(stored.id)
        others = current.said_by_others.get(stored.id, {})
        for each, word in others.items() if mine is None else ((source, mine), *others.items()):
            if word.min_up is not None:
                said = oldest.setdefault((dependent, group), {})
                one = (stored.id, word.min_up)
                said[each] = min(said.get(each, one), one)
    return {
        group: {each: text for each, (_, text) in said.items()} for group, said in oldest.items()
    }


def reject_impossible_groups(
    current: Current, wanted: Wanted, said_so_far: Said, source: str, made: Plan
) -> int:
    """Take out groups with two min_up, or one above their size; returns how many rows."""
    if not wanted.min_ups:
        return 0
    going = {removed.id for removed in made.removed_relationships}
    members: dict[Group, set[int]] = defaultdict(set)
    for (dependent, provider, _, group), relationship in current.relationships.items():
        if group is not None and relationship.id not in going:
            members[dependent, group].add(provider)
    rows: dict[Group, list[Identity]] = defaultdict(list)
    for identity in wanted.rows:
        dependent, provider, _, group = identity
        if group is not None and (dependent, group) in wanted.min_ups:
            members[dependent, group].add(provider)
            rows[dependent, group].append(identity)
    rejected = 0
    for key in list(wanted.min_ups):
        said = wanted.min_ups[key] = _as_merged(
            current, key, wanted.min_ups[key], members[key], said_so_far.get(key, {}).get(source)
        )
        broken = _broken_group(key[1], said, len(members[key]))
        if broken is None:
            continue
        code, message, hint = broken
        for identity in rows[key]:
            row = wanted.rows.pop(identity)
            made.problems.add(
                problem(
                    code,
                    message,
                    where=row.where,
                    kind=Kind.RELATIONSHIP,
                    column="min_up",
                    value=row.min_up,
                    hint=hint,
                )
            )
            rejected += 1
    return rejected


def _as_merged(
    current: Current,
    key: Group,
    said: dict[MinUp, IncomingRelationship],
    members: set[int],
    so_far: str | None,
) -> dict[MinUp, IncomingRelationship]:
    """What the rows of a group say, where merges made one group or one member of two."""
    if len(said) > 1 and key[0] in current.joined and key in current.groups:
        stays = current.groups[key].min_up if so_far is None else parsed_min_up(so_far)
        said = {stays: next(iter(said.values()))}
    if current.joined.isdisjoint(members):
        return said
    return {at_most(min_up, len(members)): row for min_up, row in said.items()}


def _broken_group(
    name: str, said: dict[MinUp, IncomingRelationship], size: int
) -> tuple[str, str, str] | None:
    """Code, message and hint, where a group cannot be as its rows say."""
    if len(said) > 1:
        both = " and ".join(sorted(f"{each} ({row.where})" for each, row in said.items()))
        return (
            "conflicting_min_up",
            f"the rows of the redundancy group {name!r} say different things: {both}",
            "one group has one min_up; say it in one row or the same in all",
        )
    min_up = next(iter(said))
    if not min_up.is_percent and min_up.value > size:
        return (
            "min_up_above_size",
            f"min_up is {min_up}, but the redundancy group {name!r} has {size} members",
            "list all members of the group, or lower min_up; 100% means all of them",
        )
    return None


def plan_groups(
    current: Current, wanted: Wanted, said_so_far: Said, rules: Rules, made: Plan
) -> Groups:
    """Plan new groups and new limits, and what the source now says of the groups."""
    groups = Groups()
    for dependent, _, _, name in wanted.rows:
        if name is None or (dependent, name) in groups.limits:
            continue
        key = (dependent, name)
        others = dict(said_so_far.get(key, {}))
        before = others.pop(rules.source, None)
        now = next(iter(wanted.min_ups.get(key, ())), None)
        text = before if now is None else str(now)
        if text is not None:
            groups.said[key] = text
            others[rules.source] = text
        limit = groups.limits[key] = limit_of(others, rules.precedence)
        stored = current.groups.get(key)
        if stored is None:
            made.new_groups.append(NewGroup(dependent, name, limit))
        elif limit != stored.min_up:
            made.changed_groups.append(ChangedGroup(stored.id, limit))
        if text != before and before is not None:
            _say_in_all(current, wanted, key, text, made)
    for key in _left(current, groups, made):
        others = dict(said_so_far.get(key, {}))
        others.pop(rules.source, None)
        limit, stored = limit_of(others, rules.precedence), current.groups[key]
        if limit != stored.min_up:
            groups.limits[key] = limit
            made.changed_groups.append(ChangedGroup(stored.id, limit))
    return groups


def _say_in_all(current: Current, wanted: Wanted, key: Group, text: str | None, made: Plan) -> None:
    """Let what the source newly says of a group be said in its members that the input leaves out,
    too."""
    going = {each.id for each in made.removed_relationships} | set(made.dropped_claims)
    for identity, stored in current.relationships.items():
        if (identity[0], identity[3]) != key or identity in wanted.rows or stored.id in going:
            continue
        before = current.claimed.get(stored.id)
        if before is not None and before.min_up != text:
            made.changed_words.append(ChangedWord(stored.id, before, before._replace(min_up=text)))


def _left(current: Current, groups: Groups, made: Plan) -> list[Group]:
    """The groups that the source no longer says anything of and that keep members."""
    if not made.removed_relationships and not made.dropped_claims:
        return []
    removed = {each.id for each in made.removed_relationships}
    going = removed | set(made.dropped_claims)
    left: set[Group] = set()
    members: set[Group] = set()
    for (dependent, _, _, name), stored in current.relationships.items():
        if name is None or (dependent, name) in groups.limits:
            continue
        if stored.id in going:
            left.add((dependent, name))
        if stored.id not in removed:
            members.add((dependent, name))
    return sorted(left & members)


def plan_group_changes(current: Current, wanted: Wanted, groups: Groups, made: Plan) -> int:
    """A group's new limit changes every member; returns how many of them the input names."""
    done = {changed.id for changed in made.changed_relationships}
    done |= {removed.id for removed in made.removed_relationships}
    named = 0
    for identity, stored in current.relationships.items():
        dependent, _, _, group = identity
        if group is None or stored.id in done or (dependent, group) not in groups.limits:
            continue
        if groups.limits[dependent, group] != current.groups[dependent, group].min_up:
            plan_change(identity, stored, None, current, groups, made)
            named += identity in wanted.rows
    return named


def plan_change(
    identity: Identity,
    stored: CurrentRelationship,
    dependency: str | None,
    current: Current,
    groups: Groups,
    made: Plan,
) -> None:
    """Plan the new dependency of a relationship, and the new limit of its group, where it has
    one."""
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    if dependency is not None:
        before["dependency"], after["dependency"] = stored.dependency, dependency
    dependent, _, _, group = identity
    if group is not None and (dependent, group) in groups.limits:
        old, new = current.groups[dependent, group].min_up, groups.limits[dependent, group]
        if old != new:
            before["min_up"], after["min_up"] = str(old), str(new)
    made.changed_relationships.append(
        ChangedRelationship(stored.id, dependency or stored.dependency, before, after)
    )
