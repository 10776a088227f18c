"""The relationships' part of reconciliation; pure like the rest of it."""

from cmdb.endpoints import Endpoints
from cmdb.importers.records import Kind
from cmdb.incoming import Incoming, IncomingRelationship
from cmdb.models import Dependency
from cmdb.plan import (
    ChangedWord,
    Current,
    Identity,
    Missing,
    NewClaim,
    NewRelationship,
    Plan,
    RemovedRelationship,
    Rules,
)
from cmdb.problems import Problems, problem
from cmdb.reconcile_groups import (
    Groups,
    Wanted,
    plan_change,
    plan_group_changes,
    plan_groups,
    reject_impossible_groups,
    said_of_groups,
)
from cmdb.relationship_words import STRONGEST, Word, dependency_of
from cmdb.schemas import Problem, Severity

WITHIN_ONE_CI = "within_one_ci"


def plan_relationships(
    current: Current, incoming: Incoming, endpoints: Endpoints, rules: Rules, made: Plan
) -> None:
    """Add to the plan what becomes of relationships and redundancy groups."""
    counts = made.relationship_counts
    counts.rejected = incoming.rejected[Kind.RELATIONSHIP]
    wanted = Wanted()
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
    said = said_of_groups(current, rules.source)
    counts.rejected += reject_impossible_groups(current, wanted, said, rules.source, made)
    if made.problems.errors or incoming.incomplete:
        # What is rejected, or on a page that is missing, is no reason to remove what it is about.
        made.removed_relationships.clear()
        made.dropped_claims.clear()
    groups = plan_groups(current, wanted, said, rules, made)
    _plan_rows(current, wanted, groups, rules, made)


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


def _want(wanted: Wanted, identity: Identity, row: IncomingRelationship) -> None:
    dependent, _, _, group = identity
    if group is not None and row.min_up is not None:
        wanted.min_ups.setdefault((dependent, group), {}).setdefault(row.min_up, row)
    if wanted.rows.setdefault(identity, row) is not row:
        wanted.repeated.setdefault(identity, []).append(row)


def _settle_repetitions(wanted: Wanted, joined: set[int], problems: Problems) -> int:
    """Warn of rows that repeat another one; take out all that are about one relationship and
    differ, unless a merge made them one. Returns how many were rejected."""
    rejected = 0
    for identity, others in wanted.repeated.items():
        first = wanted.rows[identity]
        if not joined.isdisjoint(identity[:2]):
            strongest = min((first, *others), key=lambda row: STRONGEST.index(row.dependency))
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
    gone = current.claimed.keys() - reported
    for identity, relationship in current.relationships.items():
        if relationship.id not in gone:
            continue
        if relationship.id in current.claimed_by_others:
            made.dropped_claims.append(relationship.id)
        else:
            made.removed_relationships.append(
                RemovedRelationship(relationship.id, identity, relationship.dependency)
            )


def _plan_rows(current: Current, wanted: Wanted, groups: Groups, rules: Rules, made: Plan) -> None:
    counts = made.relationship_counts
    for identity, row in wanted.rows.items():
        dependent, _, _, name = identity
        min_up = None if name is None else groups.said.get((dependent, name))
        stored = current.relationships.get(identity)
        if stored is None:
            group = None if name is None else current.groups.get((dependent, name))
            made.new_relationships.append(
                NewRelationship(
                    identity,
                    row.dependency or Dependency.REQUIRED.value,
                    group.id if group else None,
                    None if name is None else groups.limits[dependent, name],
                    Word(row.dependency, min_up),
                )
            )
            counts.created += 1
            continue
        counts.unchanged += 1
        before = current.claimed.get(stored.id)
        if before is None:
            word = Word(row.dependency, min_up)
            made.new_claims.append(NewClaim(stored.id, word))
        elif row.dependency in (None, before.dependency) and min_up == before.min_up:
            continue
        else:
            word = Word(row.dependency or before.dependency, min_up)
            made.changed_words.append(ChangedWord(stored.id, before, word))
        words = {**current.said_by_others.get(stored.id, {}), rules.source: word}
        dependency = dependency_of(words, rules.precedence)
        if dependency != stored.dependency:
            plan_change(identity, stored, dependency, current, groups, made)
            counts.unchanged -= 1
    if made.dropped_claims:
        _plan_dropped(current, groups, rules, made)
    if made.changed_groups:
        counts.unchanged -= plan_group_changes(current, wanted, groups, made)
    counts.updated = len(made.changed_relationships)


def _plan_dropped(current: Current, groups: Groups, rules: Rules, made: Plan) -> None:
    """What becomes of the relationships that the other sources go on to report."""
    dropped = set(made.dropped_claims)
    for identity, stored in current.relationships.items():
        if stored.id in dropped:
            words = current.said_by_others.get(stored.id, {})
            dependency = dependency_of(words, rules.precedence)
            if dependency != stored.dependency:
                plan_change(identity, stored, dependency, current, groups, made)
