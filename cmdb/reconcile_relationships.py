"""The relationships' part of reconciliation; pure like the rest of it."""

from collections import defaultdict
from dataclasses import dataclass, field

from cmdb.endpoints import Endpoints
from cmdb.importers.records import Kind
from cmdb.incoming import Incoming, IncomingRelationship
from cmdb.models import Dependency
from cmdb.plan import (
    ChangedGroup,
    ChangedRelationship,
    Current,
    CurrentRelationship,
    Identity,
    Missing,
    NewGroup,
    NewRelationship,
    Plan,
    RemovedRelationship,
    Rules,
)
from cmdb.problems import Problems, problem
from cmdb.schemas import Problem, Severity
from cmdb.values import MinUp

DEFAULT_MIN_UP = MinUp(1, is_percent=False)
WITHIN_ONE_CI = "within_one_ci"
_STRONGEST: tuple[str | None, ...] = (Dependency.REQUIRED, None, Dependency.OPTIONAL)
"""Which of two rows counts that became one with a merge; None leaves what is stored."""

_Group = tuple[int, str]


@dataclass(slots=True)
class _Wanted:
    """The good rows of the input, by what makes a relationship."""

    rows: dict[Identity, IncomingRelationship] = field(default_factory=dict)
    min_ups: dict[_Group, dict[MinUp, IncomingRelationship]] = field(default_factory=dict)
    """What the rows of a group say, each with the first row that says it."""
    repeated: dict[Identity, list[IncomingRelationship]] = field(default_factory=dict)


def plan_relationships(
    current: Current, incoming: Incoming, endpoints: Endpoints, rules: Rules, made: Plan
) -> None:
    """Add to the plan what becomes of relationships and redundancy groups."""
    counts = made.relationship_counts
    counts.rejected = incoming.rejected[Kind.RELATIONSHIP]
    wanted = _Wanted()
    for row in incoming.relationships:
        found = _identity(row, endpoints, rules, current.joined)
        if isinstance(found, Problem):
            made.problems.add(found)
            if found.severity is Severity.ERROR:
                counts.rejected += 1
            elif found.code == WITHIN_ONE_CI:
                counts.unchanged += 1
            else:
                counts.in_review += 1
        else:
            _want(wanted, found, row)
    counts.rejected += _settle_repetitions(wanted, current.joined, made.problems)
    reported = {
        current.relationships[identity].id
        for identity in wanted.rows
        if identity in current.relationships
    }
    if rules.missing is Missing.RETIRE and wanted.rows:
        _plan_removal(current, reported, made)
    counts.rejected += _reject_impossible_groups(current, wanted, made)
    limits = _plan_groups(current, wanted, made)
    _plan_rows(current, wanted, limits, made)


def _identity(
    row: IncomingRelationship, endpoints: Endpoints, rules: Rules, joined: set[int]
) -> Identity | Problem:
    type_name = rules.types.find(row.type)
    if type_name is None:
        return problem(
            "unknown_relationship_type",
            f"there is no relationship type {row.type!r}",
            where=row.where,
            kind=Kind.RELATIONSHIP,
            column="type",
            value=row.type,
            hint=rules.types.hint(row.type),
        )
    dependent = endpoints.find(row.dependent)
    if dependent is None:
        return endpoints.explain(row.dependent, row.where, "dependent")
    provider = endpoints.find(row.provider)
    if provider is None:
        return endpoints.explain(row.provider, row.where, "provider")
    if dependent == provider and dependent in joined:
        return problem(
            WITHIN_ONE_CI,
            f"{row.dependent!r} and {row.provider!r} were merged into one CI",
            where=row.where,
            severity=Severity.WARNING,
            kind=Kind.RELATIONSHIP,
            column="provider",
            value=row.provider,
            hint="the row is left out",
        )
    if dependent == provider:
        return problem(
            "self_relationship",
            f"{row.dependent!r} would depend on itself",
            where=row.where,
            kind=Kind.RELATIONSHIP,
            column="provider",
            value=row.provider,
            hint="dependent and provider must be two CIs",
        )
    return dependent, provider, type_name, row.group


def _want(wanted: _Wanted, identity: Identity, row: IncomingRelationship) -> None:
    dependent, _, _, group = identity
    if group is not None and row.min_up is not None:
        wanted.min_ups.setdefault((dependent, group), {}).setdefault(row.min_up, row)
    if wanted.rows.setdefault(identity, row) is not row:
        wanted.repeated.setdefault(identity, []).append(row)


def _settle_repetitions(wanted: _Wanted, joined: set[int], problems: Problems) -> int:
    """Warn of rows that repeat another one; take out all that are about one relationship and
    differ, unless a merge made them one. Returns how many were rejected."""
    rejected = 0
    for identity, others in wanted.repeated.items():
        first = wanted.rows[identity]
        if not joined.isdisjoint(identity[:2]):
            strongest = min((first, *others), key=lambda row: _STRONGEST.index(row.dependency))
            wanted.rows[identity] = strongest
            for row in (first, *others):
                if row is not strongest:
                    problems.add(_duplicate(row, strongest))
            continue
        differing = next((row for row in others if row.dependency != first.dependency), None)
        if differing is None:
            for row in others:
                problems.add(_duplicate(row, first))
            continue
        del wanted.rows[identity]
        for row in (first, *others):
            other = differing if row.dependency == first.dependency else first
            problems.add(
                problem(
                    "duplicate_relationship",
                    f"{other.where} says another dependency of the same relationship",
                    where=row.where,
                    kind=Kind.RELATIONSHIP,
                    column="dependency",
                    value=row.dependency,
                    hint="keep one of the rows",
                )
            )
            rejected += 1
    return rejected


def _duplicate(row: IncomingRelationship, first: IncomingRelationship) -> Problem:
    return problem(
        "duplicate_row",
        f"this repeats {first.where}",
        where=row.where,
        severity=Severity.WARNING,
        kind=Kind.RELATIONSHIP,
    )


def _plan_removal(current: Current, reported: set[int], made: Plan) -> None:
    """Relationships that the source reported before, and now does not."""
    gone = current.claimed - reported
    for identity, relationship in current.relationships.items():
        if relationship.id not in gone:
            continue
        if relationship.id in current.claimed_by_others:
            made.dropped_claims.append(relationship.id)
        else:
            made.removed_relationships.append(
                RemovedRelationship(relationship.id, identity, relationship.dependency)
            )


def _reject_impossible_groups(current: Current, wanted: _Wanted, made: Plan) -> int:
    """Take out groups with two min_up, or one above their size; returns how many rows."""
    if not wanted.min_ups:
        return 0
    going = {removed.id for removed in made.removed_relationships}
    members: dict[_Group, set[int]] = defaultdict(set)
    for (dependent, provider, _, group), relationship in current.relationships.items():
        if group is not None and relationship.id not in going:
            members[dependent, group].add(provider)
    rows: dict[_Group, list[Identity]] = defaultdict(list)
    for identity in wanted.rows:
        dependent, provider, _, group = identity
        if group is not None and (dependent, group) in wanted.min_ups:
            members[dependent, group].add(provider)
            rows[dependent, group].append(identity)
    rejected = 0
    for key in list(wanted.min_ups):
        said = wanted.min_ups[key] = _as_merged(current, key, wanted.min_ups[key], members[key])
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


def at_most(min_up: MinUp, size: int) -> MinUp:
    """What is asked of a group that a merge left with `size` members."""
    return min_up if min_up.is_percent else min_up._replace(value=min(min_up.value, max(size, 1)))


def _as_merged(
    current: Current, key: _Group, said: dict[MinUp, IncomingRelationship], members: set[int]
) -> dict[MinUp, IncomingRelationship]:
    """What the rows of a group say, where merges made one group or one member of two."""
    if len(said) > 1 and key[0] in current.joined and key in current.groups:
        said = {current.groups[key].min_up: next(iter(said.values()))}
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


def _plan_groups(current: Current, wanted: _Wanted, made: Plan) -> dict[_Group, MinUp]:
    """Plan new groups and new limits; returns the min_up of every group that the input names."""
    limits: dict[_Group, MinUp] = {}
    for dependent, _, _, name in wanted.rows:
        if name is None or (dependent, name) in limits:
            continue
        key = (dependent, name)
        said = next(iter(wanted.min_ups.get(key, ())), None)
        stored = current.groups.get(key)
        limits[key] = said or (stored.min_up if stored else DEFAULT_MIN_UP)
        if stored is None:
            made.new_groups.append(NewGroup(dependent, name, limits[key]))
        elif limits[key] != stored.min_up:
            made.changed_groups.append(ChangedGroup(stored.id, limits[key]))
    return limits


def _plan_rows(current: Current, wanted: _Wanted, limits: dict[_Group, MinUp], made: Plan) -> None:
    counts = made.relationship_counts
    for identity, row in wanted.rows.items():
        stored = current.relationships.get(identity)
        if stored is None:
            dependent, _, _, name = identity
            group = None if name is None else current.groups.get((dependent, name))
            made.new_relationships.append(
                NewRelationship(
                    identity,
                    row.dependency or Dependency.REQUIRED.value,
                    group.id if group else None,
                    None if name is None else limits[dependent, name],
                )
            )
            counts.created += 1
            continue
        counts.unchanged += 1
        if stored.id not in current.claimed:
            made.new_claims.append(stored.id)
        if row.dependency not in (None, stored.dependency):
            _plan_change(identity, stored, row.dependency, current, limits, made)
            counts.unchanged -= 1
    if made.changed_groups:
        counts.unchanged -= _plan_group_changes(current, wanted, limits, made)
    counts.updated = len(made.changed_relationships)


def _plan_group_changes(
    current: Current, wanted: _Wanted, limits: dict[_Group, MinUp], made: Plan
) -> int:
    """A group's new limit changes every member; returns how many of them the input names."""
    done = {changed.id for changed in made.changed_relationships}
    done |= {removed.id for removed in made.removed_relationships}
    named = 0
    for identity, stored in current.relationships.items():
        dependent, _, _, group = identity
        if group is None or stored.id in done or (dependent, group) not in limits:
            continue
        if limits[dependent, group] != current.groups[dependent, group].min_up:
            _plan_change(identity, stored, None, current, limits, made)
            named += identity in wanted.rows
    return named


def _plan_change(
    identity: Identity,
    stored: CurrentRelationship,
    dependency: str | None,
    current: Current,
    limits: dict[_Group, MinUp],
    made: Plan,
) -> None:
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    if dependency is not None:
        before["dependency"], after["dependency"] = stored.dependency, dependency
    dependent, _, _, group = identity
    if group is not None and limits[dependent, group] != current.groups[dependent, group].min_up:
        before["min_up"] = str(current.groups[dependent, group].min_up)
        after["min_up"] = str(limits[dependent, group])
    made.changed_relationships.append(
        ChangedRelationship(stored.id, dependency or stored.dependency, before, after)
    )
