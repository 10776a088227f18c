"""Reconciliation: what a load would change. Pure: no session, no clock, no order of rows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from cmdb.claims import ATTRIBUTE, Claim, Precedence, Said, effective, said_of
from cmdb.endpoints import Endpoints
from cmdb.fitting import Fits
from cmdb.identify import Identified, identify
from cmdb.importers.records import Kind
from cmdb.incoming import ABSENT, CI_CLASS, NAME, STATUS, STORED, Incoming, IncomingCI
from cmdb.models import LifecycleStatus
from cmdb.names import fold
from cmdb.plan import (
    ChangedCI,
    ChangedKeys,
    ChangedRecord,
    Current,
    CurrentCI,
    Missing,
    NewCI,
    NewRecord,
    Plan,
    PlannedReview,
    Rules,
    StoredRecord,
    keys_of,
)
from cmdb.problems import Problems, problem
from cmdb.reconcile_relationships import plan_relationships
from cmdb.schemas import Counts, Problem, Severity

_Missing = dict[int, list[StoredRecord]]
"""By CI: records that the source no longer has."""


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
    made.ci_counts.in_review = len(found.in_review)
    made.reasons = found.reasons
    made.reviews = [_review(ci, fits) for ci, fits in found.in_review]
    endpoints = Endpoints(
        current,
        found.pairs(),
        incoming.rejected_names | found.rejected_names,
        {name for ci, _ in found.in_review for name in (ci.key, ci.folded_name)},
        rules.near_names,
    )
    plan_relationships(current, incoming, endpoints, rules, made)
    missing = _missing(current, incoming, found, rules, made)
    _plan_new(found, made)
    _plan_existing(current, found, missing, rules, made)
    if made.refused or (problems.errors and not rules.partial):
        return Plan(
            problems,
            ci_counts=Counts(rejected=made.ci_counts.rejected),
            relationship_counts=Counts(rejected=made.relationship_counts.rejected),
            refused=True,
        )
    return made


def changed_ci(
    stored: CurrentCI,
    claims: Sequence[Claim],
    precedence: Precedence,
    moment: datetime,
    *,
    keys: ChangedKeys | None = None,
) -> ChangedCI | None:
    """The CI as what all sources say makes it; None where nothing differs."""
    values, attributes = effective(claims, precedence, moment)
    if values[NAME] is None or values[CI_CLASS] is None:  # nobody reports it any more
        kept = (stored.values[NAME], stored.values[CI_CLASS])
        values = (*kept, *values[CI_CLASS + 1 :])
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if values != stored.values:
        for name, old, new in zip(STORED, stored.values, values, strict=True):
            if new != old:
                before[name], after[name] = old, new
    if attributes != stored.attributes:
        before["attributes"], after["attributes"] = stored.attributes, attributes
    if keys is not None:
        before["keys"], after["keys"] = keys
    if not after:
        return None
    return ChangedCI(CurrentCI(stored.id, fold(values[NAME]), values, attributes), before, after)


def _plan_new(found: Identified, made: Plan) -> None:
    for ci in found.new:
        values = [None if value is ABSENT else value for value in ci.values]
        attributes = {name: value for name, value in ci.attributes.items() if value is not None}
        said = said_of(values, attributes)
        values[STATUS] = values[STATUS] or LifecycleStatus.ACTIVE.value
        made.new_cis.append(NewCI(ci.folded_name, tuple(values), attributes))
        made.new_records.append(NewRecord(ci.key, -len(made.new_cis), said))
    made.ci_counts.created = len(found.new)


def _plan_existing(
    current: Current, found: Identified, missing: _Missing, rules: Rules, made: Plan
) -> None:
    """What becomes of the CIs that are there: those that the source reports, and those that it no
    longer does."""
    by_ci: dict[int, list[IncomingCI]] = defaultdict(list)
    for ci, ci_id in found.existing:
        by_ci[ci_id].append(ci)
    counts = made.ci_counts
    for ci_id, records in by_ci.items():
        changed = _plan_reported(current, ci_id, records, missing.get(ci_id, []), rules, made)
        if changed is None:
            counts.unchanged += len(records)
        else:
            made.changed_cis.append(changed)
            counts.updated += len(records)
    for ci_id, gone in missing.items():
        if ci_id in by_ci:
            continue
        changed = changed_ci(
            current.cis[ci_id], list(_without(current, ci_id, gone)), rules.precedence, rules.moment
        )
        if changed is not None:
            made.changed_cis.append(changed)
            if _is_retired(changed.ci):
                counts.retired += 1
            else:
                counts.updated += 1
    active = sum(not _is_retired(current.cis[ci_id]) for ci_id in current.in_source)
    if counts.retired > rules.max_retired_share * active:
        made.refused = True
        made.problems.add(_too_many_retired(counts.retired, active, rules))


def _plan_reported(
    current: Current,
    ci_id: int,
    records: list[IncomingCI],
    gone: list[StoredRecord],
    rules: Rules,
    made: Plan,
) -> ChangedCI | None:
    claims = {(each.source, each.key): each for each in _without(current, ci_id, gone)}
    new_keys: list[str] = []
    touched = bool(gone)
    for ci in records:
        stored = _stored_record(current, ci_id, ci, rules.source)
        said = stated({} if stored is None else stored.claim.said, ci)
        key = ci.key if stored is None else stored.claim.key
        joined = stored is not None and stored.claim.joined
        claims[rules.source, key] = Claim(rules.source, key, said, False, rules.moment, joined)
        if stored is None:
            new_keys.append(key)
            made.new_records.append(NewRecord(key, ci_id, said))
            touched = True
            continue
        made.seen_keys.append(key)
        if stored.claim.missing or said != stored.claim.said:
            made.changed_records.append(ChangedRecord(ci_id, stored, said, missing=False))
            touched = True
    if not touched and len(claims) == len(records):
        return None  # nobody else says anything that could have become stale
    keys: ChangedKeys | None = ([], keys_of(rules.source, new_keys)) if new_keys else None
    return changed_ci(
        current.cis[ci_id], list(claims.values()), rules.precedence, rules.moment, keys=keys
    )


def _without(current: Current, ci_id: int, gone: list[StoredRecord]) -> Iterable[Claim]:
    """What is said of a CI once the source no longer has the records `gone`."""
    keys = {(each.claim.source, each.claim.key) for each in gone}
    for each in _of(current, ci_id):
        claim = each.claim
        yield claim._replace(missing=True) if (claim.source, claim.key) in keys else claim


def stated(before: Said, ci: IncomingCI) -> Said:
    """What the source says after this record: what it leaves out stays, null takes back."""
    said = dict(before)
    if ci.values[STATUS] is ABSENT and said.get("status") == LifecycleStatus.RETIRED:
        # It is reported again, and no status says that it is still retired.
        del said["status"]
    names = (*STORED, *(f"{ATTRIBUTE}{name}" for name in ci.attributes))
    for name, value in zip(names, (*ci.values, *ci.attributes.values()), strict=True):
        if value is None:
            said.pop(name, None)
        elif value is not ABSENT:
            said[name] = value
    return said


def _of(current: Current, ci_id: int) -> Iterable[StoredRecord]:
    return current.records.get(ci_id, ())


def _stored_record(
    current: Current, ci_id: int, ci: IncomingCI, source: str
) -> StoredRecord | None:
    mine = [each for each in _of(current, ci_id) if each.claim.source == source]
    exact = next((each for each in mine if each.claim.key == ci.key), None)
    if exact is not None or ci.has_own_key:
        return exact
    return next((each for each in mine if fold(each.claim.key) == ci.folded_name), None)


def _review(ci: IncomingCI, fits: Fits) -> PlannedReview:
    candidates = [{"ci": ci_id, "reasons": reasons} for ci_id, reasons in sorted(fits.items())]
    return PlannedReview(ci.key, stated({}, ci), candidates)


def _missing(
    current: Current, incoming: Incoming, found: Identified, rules: Rules, made: Plan
) -> _Missing:
    """What the source no longer reports, unless it cannot be known what that is."""
    if rules.missing is not Missing.RETIRE:
        return {}
    if made.problems.errors:
        if rules.partial:
            made.problems.add(_nothing_retired())
        return {}
    if incoming.incomplete:  # a page that is missing is no reason to retire what is on it
        return {}
    made.relationship_counts.retired = len(made.removed_relationships)
    if Kind.CI not in incoming.kinds:
        return {}
    reported = {_key(current, ci_id, ci, rules) for ci, ci_id in found.existing}
    reported |= {ci.key for ci, _ in found.in_review}
    gone: _Missing = {}
    for ci_id in sorted(current.in_source):
        for each in _of(current, ci_id):
            mine = each.claim.source == rules.source and not each.claim.missing
            if mine and each.claim.key not in reported:
                gone.setdefault(ci_id, []).append(each)
                made.changed_records.append(
                    ChangedRecord(ci_id, each, each.claim.said, missing=True)
                )
    return gone


def _key(current: Current, ci_id: int, ci: IncomingCI, rules: Rules) -> str:
    stored = _stored_record(current, ci_id, ci, rules.source)
    return ci.key if stored is None else stored.claim.key


def _is_retired(ci: CurrentCI) -> bool:
    return bool(ci.values[STATUS] == LifecycleStatus.RETIRED)


def _too_many_retired(retired: int, active: int, rules: Rules) -> Problem:
    return problem(
        "too_many_retired",
        f"this load would retire {retired} of the {active} CIs of {rules.source!r}; at most "
        f"{rules.max_retired_share:.0%} are allowed",
        hint="is the export whole? If so, raise OPSATLAS_IMPORT_MAX_RETIRED_SHARE",
    )


def _nothing_retired() -> Problem:
    return problem(
        "nothing_retired",
        "nothing was retired: what the rejected rows are about is not known",
        severity=Severity.WARNING,
        hint="put the rejected rows right and load again",
    )
