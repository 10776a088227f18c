"""The health of the inventory: run every check, and keep what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from cmdb.classes import class_names
from cmdb.health_attributes import Look, completeness, compliance, look_at_all
from cmdb.health_checks import CHECKS, Category, Finding, HealthSeverity, Mask
from cmdb.health_facts import Facts, Review
from cmdb.health_identity import conflicts, same_identifiers, same_names, stale, too_small, waiting
from cmdb.health_reading import (
    read_claims_of_several,
    read_facts,
    read_groups,
    read_in_a_cloud,
    read_kept_apart,
    read_reviews,
    read_same_identifiers,
    read_same_names,
    read_seen,
    read_values,
)
from cmdb.health_rules import HealthRules
from cmdb.health_rules_file import check_names
from cmdb.health_scores import Numbers, Worst, numbers, worst_of
from cmdb.health_structure import (
    hosting_cycles,
    impossible_relationships,
    needs_retired,
    orphans,
    unfounded,
    unhosted,
)
from cmdb.names import did_you_mean
from cmdb.precedence import read_precedence
from cmdb.relationship_types import list_types
from opsatlas.errors import InvalidInputError

_RANK = {severity: rank for rank, severity in enumerate(HealthSeverity)}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the inventory is meant; within a kind any of the names, empty: all."""

    classes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """An empty name stands for the CIs without an owner."""


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was found at one moment."""

    at: datetime
    facts: Facts
    rules: HealthRules
    findings: list[Finding]
    """Errors first, then in the order of the checks, then by CI."""
    worst: Worst
    looked: frozenset[Category]
    """The categories in which something was looked for."""
    reviews: list[Review]

    def within(self, scope: Scope) -> Mask:
        """(n,) the CIs of a part, retired ones left out. Raises InvalidInputError for a name."""
        facts = self.facts
        found = facts.living.copy()
        if scope.classes:
            wanted = _codes("CI class", scope.classes, facts.classes, facts.parents)
            found &= np.isin(facts.class_code, wanted)
        if scope.owners:
            owners = [owner or "" for owner in facts.owners]
            found &= np.isin(facts.owner_code, _codes("owner", scope.owners, owners, [*owners, ""]))
        if scope.sources:
            wanted = _codes("source", scope.sources, facts.sources, facts.sources)
            reported = np.zeros(len(found), np.bool_)
            reported[facts.source_row[np.isin(facts.source_code, wanted)]] = True
            found &= reported
        return found

    def numbers(self, cis: Mask) -> Numbers:
        """The scores of the CIs that `cis` picks."""
        return numbers(self.worst, cis, self.looked)


def examine(session: Session, rules: HealthRules, moment: datetime) -> Examination:
    """Run every check that is not off. Raises InvalidHealthRulesError for names that are none."""
    types = [each.name for each in list_types(session)]
    check_names(rules, class_names(session), types)
    facts = read_facts(session)
    reviews = read_reviews(session)
    order = {name: place for place, name in enumerate(CHECKS)}
    findings = sorted(
        _findings(session, rules, facts, reviews, moment),
        key=lambda each: (
            _RANK[each.severity],
            order.get(each.check, len(order)),
            each.check,
            each.row,
        ),
    )
    category_of = {each.check: rules.check(each.check).category for each in _first_of(findings)}
    looked = {Category.COMPLETENESS, Category.CORRECTNESS}
    if rules.rules:
        looked.add(Category.COMPLIANCE)
    worst = worst_of(findings, category_of, len(facts.ids))
    return Examination(moment, facts, rules, findings, worst, frozenset(looked), reviews)


def _findings(
    session: Session, rules: HealthRules, facts: Facts, reviews: list[Review], moment: datetime
) -> Iterator[Finding]:
    """What the checks find, check by check."""

    def on(check: str) -> HealthSeverity | None:
        return rules.severity_of(check)

    looks: list[Look] = []
    required, recommended = on("missing_required"), on("missing_recommended")
    if required or recommended:
        looks.append(completeness(facts, rules.completeness, required, recommended))
    if rules.rules:
        looks.append(compliance(facts, rules.rules))
    if looks:
        yield from look_at_all(facts, read_values(session), looks)
    if rules.orphans and (severity := on("orphan")):
        yield from orphans(facts, rules.orphans, severity)
    if rules.hosting and (severity := on("runs_on_nothing")):
        in_a_cloud = read_in_a_cloud(session, facts)
        yield from unhosted(facts, rules.hosting, in_a_cloud, severity)
    if rules.foundation and (severity := on("no_infrastructure")):
        yield from unfounded(facts, rules.foundation, severity)
    if severity := on("impossible_relationship"):
        yield from impossible_relationships(facts, rules.impossible, rules.possible, severity)
    if severity := on("needs_retired"):
        yield from needs_retired(facts, severity)
    if severity := on("hosting_cycle"):
        yield from hosting_cycles(facts, rules.cycle_types or (), severity)
    if severity := on("group_too_small"):
        yield from too_small(facts, read_groups(session), severity)
    apart = read_kept_apart(session)
    if severity := on("duplicate_name"):
        yield from same_names(facts, read_same_names(session), apart, severity)
    if severity := on("duplicate_identifier"):
        yield from same_identifiers(facts, read_same_identifiers(session), apart, severity)
    if severity := on("waiting_review"):
        yield from waiting(facts, reviews, severity)
    precedence = read_precedence(session)
    if severity := on("stale"):
        days = rules.stale_after_days or 0
        yield from stale(facts, read_seen(session), precedence, days, moment, severity)
    if severity := on("conflicting_sources"):
        decided = rules.severity_of("conflicting_sources", HealthSeverity.INFO) or severity
        claims = read_claims_of_several(session)
        both = (severity, decided)
        fields = rules.conflict_fields or ()
        yield from conflicts(facts, claims, precedence, fields, moment, both)


def _first_of(findings: list[Finding]) -> Iterator[Finding]:
    """One finding of each check."""
    seen: set[str] = set()
    for finding in findings:
        if finding.check not in seen:
            seen.add(finding.check)
            yield finding


def _codes(
    what: str, names: Iterable[str], present: Sequence[str], known: Iterable[str]
) -> list[int]:
    """The places of `names` among those that CIs have. Raises InvalidInputError for others."""
    known = set(known)
    for name in names:
        if name not in known:
            raise InvalidInputError(
                f"no configuration item has the {what} {name!r}",
                hint=did_you_mean(name, [each for each in known if each]),
            )
    return [present.index(name) for name in names if name in present]
