"""Reconciliation: what a load would change. Pure: no session, no clock, no order of rows."""

from typing import Any

from cmdb.endpoints import Endpoints
from cmdb.identify import Identified, identify
from cmdb.importers.records import Kind
from cmdb.incoming import ABSENT, STATUS, STORED, Incoming, IncomingCI
from cmdb.models import LifecycleStatus
from cmdb.plan import ChangedCI, Current, CurrentCI, Missing, NewCI, NewKey, Plan, Rules
from cmdb.problems import Problems, problem
from cmdb.reconcile_relationships import plan_relationships
from cmdb.schemas import Counts, Problem, Severity


def plan(current: Current, incoming: Incoming, rules: Rules, earlier: Problems) -> Plan:
    """What loading `incoming` over `current` would change, and every problem on the way.

    `earlier` holds the problems of reading the input. Without `rules.partial` any error refuses
    the whole plan, as does retiring more than the allowed share in any case.
    """
    problems = Problems(rules.max_problems)
    problems.include(earlier)
    made = Plan(problems)
    found = identify(current, incoming.cis, rules, problems)
    made.ci_counts.rejected = incoming.rejected[Kind.CI] + found.rejected
    _plan_cis(current, found, made)
    rejected_names = incoming.rejected_names | found.rejected_names
    endpoints = Endpoints(current, found.pairs(), rejected_names, rules.near_names)
    plan_relationships(current, incoming, endpoints, rules, made)
    if rules.missing is Missing.RETIRE:
        _plan_missing(current, incoming, found, rules, made)
    if made.refused or (problems.errors and not rules.partial):
        return Plan(
            problems,
            ci_counts=Counts(rejected=made.ci_counts.rejected),
            relationship_counts=Counts(rejected=made.relationship_counts.rejected),
            refused=True,
        )
    return made


def _plan_cis(current: Current, found: Identified, made: Plan) -> None:
    for ci in found.new:
        made.new_cis.append(NewCI(ci.folded_name, *_created(ci)))
        made.new_keys.append(NewKey(ci.key, -len(made.new_cis)))
    made.ci_counts.created = len(found.new)
    for ci, ci_id in found.existing:
        stored = current.cis[ci_id]
        new_key = found.new_keys.get(ci_id)
        changed = _changed(stored, ci, new_key)
        if changed is None:
            made.ci_counts.unchanged += 1
            continue
        made.changed_cis.append(changed)
        made.ci_counts.updated += 1
        if new_key is not None:
            made.new_keys.append(NewKey(new_key, ci_id))


def _created(ci: IncomingCI) -> tuple[tuple[Any, ...], dict[str, Any]]:
    values = [None if value is ABSENT else value for value in ci.values]
    values[STATUS] = values[STATUS] or LifecycleStatus.ACTIVE.value
    return tuple(values), {
        name: value for name, value in ci.attributes.items() if value is not None
    }


def _changed(stored: CurrentCI, ci: IncomingCI, new_key: str | None) -> ChangedCI | None:
    """The CI as it becomes; None where nothing differs."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    values = stored.values
    said = ci.values
    if said[STATUS] is ABSENT and values[STATUS] == LifecycleStatus.RETIRED:
        # It is reported again, and no status says that it is still retired.
        said = (*said[:STATUS], LifecycleStatus.ACTIVE.value, *said[STATUS + 1 :])
    if said != values:
        for name, old, new in zip(STORED, values, said, strict=True):
            if new is not ABSENT and new != old:
                before[name], after[name] = old, new
        values = tuple(old if new is ABSENT else new for old, new in zip(values, said, strict=True))
    attributes = stored.attributes
    if ci.attributes:
        merged = {
            name: value
            for name, value in {**attributes, **ci.attributes}.items()
            if value is not None
        }
        if merged != attributes:
            before["attributes"], after["attributes"] = attributes, merged
            attributes = merged
    if new_key is not None:
        before["key"], after["key"] = None, new_key
    if not after:
        return None
    return ChangedCI(CurrentCI(stored.id, ci.folded_name, values, attributes), before, after)


def _plan_missing(
    current: Current, incoming: Incoming, found: Identified, rules: Rules, made: Plan
) -> None:
    """Retire what the source no longer reports, unless it cannot be known what that is."""
    if made.problems.errors:
        made.removed_relationships.clear()
        made.dropped_claims.clear()
        if rules.partial:
            made.problems.add(_nothing_retired())
        return
    made.relationship_counts.retired = len(made.removed_relationships)
    if Kind.CI not in incoming.kinds:
        return
    reported = {ci_id for _, ci_id in found.existing}
    active = {
        ci_id
        for ci_id in current.in_source
        if current.cis[ci_id].values[STATUS] != LifecycleStatus.RETIRED
    }
    missing = active - reported
    retired = sorted(missing - current.in_other_sources)
    if len(retired) > rules.max_retired_share * len(active):
        made.refused = True
        made.problems.add(
            problem(
                "too_many_retired",
                f"this load would retire {len(retired)} of the {len(active)} CIs of "
                f"{rules.source!r}; at most {rules.max_retired_share:.0%} are allowed",
                hint="is the export whole? If so, raise OPSATLAS_IMPORT_MAX_RETIRED_SHARE",
            )
        )
        return
    for ci_id in retired:
        made.changed_cis.append(_retired(current.cis[ci_id]))
    made.ci_counts.retired = len(retired)
    released = missing & current.in_other_sources
    made.dropped_keys = [
        NewKey(key, ci_id) for key, ci_id in current.keys.items() if ci_id in released
    ]


def _nothing_retired() -> Problem:
    return problem(
        "nothing_retired",
        "nothing was retired: what the rejected rows are about is not known",
        severity=Severity.WARNING,
        hint="put the rejected rows right and load again",
    )


def _retired(ci: CurrentCI) -> ChangedCI:
    values = (*ci.values[:STATUS], LifecycleStatus.RETIRED.value, *ci.values[STATUS + 1 :])
    return ChangedCI(
        ci._replace(values=values),
        {"status": ci.values[STATUS]},
        {"status": LifecycleStatus.RETIRED.value},
    )
