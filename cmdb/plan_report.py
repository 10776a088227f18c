"""A plan for people and for later: each change in words, and a fingerprint of all of them. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from cmdb.claims import required
from cmdb.importers.records import Kind
from cmdb.incoming import CI_CLASS, NAME
from cmdb.models import LifecycleStatus
from cmdb.plan import Current, Identity, Plan
from cmdb.plan_schemas import PlannedChange


def fingerprint(plan: Plan) -> str:
    """A digest (SHA-256, hexadecimal) that two plans share only if they would do the same."""
    done = {
        "new_cis": [tuple(each) for each in plan.new_cis],
        "changed_cis": [(each.ci.id, each.before, each.after) for each in plan.changed_cis],
        "new_records": [tuple(each) for each in plan.new_records],
        "changed_records": [
            (each.before.claim.key, each.said, each.missing) for each in plan.changed_records
        ],
        "reviews": [tuple(each) for each in plan.reviews],
        "new_groups": [tuple(each) for each in plan.new_groups],
        "changed_groups": [tuple(each) for each in plan.changed_groups],
        "new_relationships": [tuple(each) for each in plan.new_relationships],
        "changed_relationships": [tuple(each) for each in plan.changed_relationships],
        "removed_relationships": [tuple(each) for each in plan.removed_relationships],
        "claims": [plan.new_claims, plan.changed_words, plan.dropped_claims],
        "refused": plan.refused,
    }
    text = json.dumps(done, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def planned_changes(plan: Plan, current: Current, limit: int) -> list[PlannedChange]:
    """At most `limit` of the changes: CIs first, then relationships, each with what differs."""
    return list(islice(_all(plan, current), limit))


def count_changes(plan: Plan) -> int:
    """How many changes there are, listed or not."""
    parts: tuple[list[Any], ...] = (
        *(plan.new_cis, plan.changed_cis, plan.reviews),
        *(plan.new_relationships, plan.changed_relationships, plan.removed_relationships),
    )
    return sum(map(len, parts))


def _all(plan: Plan, current: Current) -> Iterator[PlannedChange]:
    for ci, record in zip(plan.new_cis, plan.new_records, strict=False):
        yield PlannedChange(
            action="create",
            kind=Kind.CI,
            name=ci.values[NAME],
            ci_class=ci.values[CI_CLASS],
            key=record.key,
            fields={name: (None, value) for name, value in record.said.items()},
        )
    joined = {record.ci: record.key for record in plan.new_records if record.ci > 0}
    for changed in plan.changed_cis:
        ci_id = changed.ci.id
        retired = changed.after.get("status") == LifecycleStatus.RETIRED
        action = "retire" if retired else "merge" if ci_id in joined else "update"
        yield PlannedChange(
            action=action,
            kind=Kind.CI,
            id=ci_id,
            name=current.cis[ci_id].values[NAME],
            ci_class=current.cis[ci_id].values[CI_CLASS],
            key=joined.get(ci_id),
            reasons=plan.reasons.get(joined.get(ci_id, ""), []),
            fields=_differences(changed.before, changed.after),
        )
    for review in plan.reviews:
        name, ci_class = required(review.said)
        yield PlannedChange(
            action="review",
            kind=Kind.CI,
            name=name,
            ci_class=ci_class,
            key=review.key,
            reasons=[
                f"{each['ci']}: {reason}"
                for each in review.candidates
                for reason in each["reasons"]
            ],
        )
    yield from _relationships(plan, current)


def _relationships(plan: Plan, current: Current) -> Iterator[PlannedChange]:
    for new in plan.new_relationships:
        said = {"dependency": new.dependency, "redundancy_group": new.identity[3]}
        if new.min_up is not None:
            said["min_up"] = str(new.min_up)
        given = {name: (None, value) for name, value in said.items() if value is not None}
        yield _relationship("create", new.identity, None, given, plan, current)
    identities = {stored.id: identity for identity, stored in current.relationships.items()}
    for changed in plan.changed_relationships:
        fields = _differences(changed.before, changed.after)
        identity = identities[changed.id]
        yield _relationship("update", identity, changed.id, fields, plan, current)
    for removed in plan.removed_relationships:
        yield _relationship("remove", removed.identity, removed.id, {}, plan, current)


def _relationship(
    action: str,
    identity: Identity,
    relationship_id: int | None,
    fields: dict[str, tuple[Any, Any]],
    plan: Plan,
    current: Current,
) -> PlannedChange:
    dependent, provider, type_name, _ = identity
    return PlannedChange(
        action=action,
        kind=Kind.RELATIONSHIP,
        id=relationship_id,
        name=f"{name_of(dependent, plan, current)} {type_name} {name_of(provider, plan, current)}",
        fields=fields,
    )


def name_of(ci: int, plan: Plan, current: Current) -> str:
    """The name of a CI of the plan."""
    return str(current.cis[ci].values[NAME] if ci > 0 else plan.new_cis[-ci - 1].values[NAME])


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Before and after of each field, attributes one by one."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, new in after.items():
        old = before.get(name)
        if name == "attributes":
            was = dict(old or {})
            found |= {
                f"attributes.{each}": (was.get(each), new.get(each))
                for each in _in_order(was, new)
                if was.get(each) != new.get(each)
            }
        else:
            found[name] = (old, new)
    return found


def _in_order(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return sorted({*old, *new})


def changes_of_status(plan: Plan) -> list[int]:
    """CIs that leave the dependency graph with this plan, or come back to it."""
    return [
        changed.ci.id
        for changed in plan.changed_cis
        if LifecycleStatus.RETIRED in (changed.before.get("status"), changed.after.get("status"))
    ]
