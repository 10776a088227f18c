"""Checks on whether a CI is one thing and known to somebody: duplicates, stale CIs, sources that
contradict each other, records that wait. Pure."""

from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from cmdb.claims import ANY, MANUAL, Claim, Precedence
from cmdb.health_checks import Finding, HealthSeverity
from cmdb.health_facts import Facts, Group, Named, Review, Seen
from cmdb.identification import shipped_kinds
from cmdb.identifiers import serial
from cmdb.names import fold

Pairs = Set[tuple[int, int]]
"""Ids of two CIs, the lower first."""

_LISTED = 5
_WORDS = {"serial_number": "serial number", "mac_address": "MAC address", "cloud_id": "cloud id"}


def same_names(
    facts: Facts,
    groups: Iterable[Sequence[Named]],
    apart: Pairs,
    severity: HealthSeverity,
) -> Iterator[Finding]:
    """CIs of one name and class, but for pairs `apart` that a person found to be two; two that
    are said to be in different environments are two as well."""
    for group in groups:
        for ci in group:
            others = [
                each.id
                for each in group
                if each is not ci
                and _pair(ci.id, each.id) not in apart
                and (ci.environment is None or each.environment in (None, ci.environment))
            ]
            if others:
                detail = f"{_cis(others)} {_have(others)} the same name and class"
                yield Finding(facts.row(ci.id), "duplicate_name", severity, detail)


def same_identifiers(
    facts: Facts,
    groups: Iterable[tuple[str, str, Sequence[int]]],
    apart: Pairs,
    severity: HealthSeverity,
) -> Iterator[Finding]:
    """CIs of one serial number, host name with domain, cloud id or MAC address, but for pairs
    `apart` that a person found to be two."""
    for kind, value, ids in groups:
        living = [
            ci_id
            for ci_id, row in zip(ids, facts.rows(ids), strict=True)
            if facts.living[row] and kind in shipped_kinds(facts.root(row))
        ]
        for ci_id in living:
            others = [each for each in living if each != ci_id and _pair(ci_id, each) not in apart]
            if others:
                what = _WORDS.get(kind, kind)
                detail = f"{_cis(others)} {_have(others)} the same {what} {value}"
                yield Finding(facts.row(ci_id), "duplicate_identifier", severity, detail)


def stale(
    facts: Facts,
    seen: Iterable[Sequence[Seen]],
    precedence: Precedence,
    after_days: int,
    moment: datetime,
    severity: HealthSeverity,
) -> Iterator[Finding]:
    """CIs that no source has seen for longer than it may; what people write does not age.

    A source's own limit counts, else `after_days`; 0 is no limit.
    """
    usual = timedelta(days=after_days) if after_days else None
    for each in seen:
        if any(record.source == MANUAL for record in each):
            continue
        present = [record for record in each if not record.missing]
        limits = [precedence.stale_after.get(record.source, usual) for record in present]
        if any(
            limit is None or moment - record.seen_at <= limit
            for record, limit in zip(present, limits, strict=True)
        ):
            continue
        row = facts.row(each[0].ci_id)
        if not facts.living[row]:
            continue
        last = max(each, key=lambda record: record.seen_at)
        detail = f"last seen on {last.seen_at:%Y-%m-%d} by {last.source}"
        if not present:
            detail = f"no source has it any more, {detail}"
        yield Finding(row, "stale", severity, detail)


def conflicts(
    facts: Facts,
    claims: Iterable[tuple[int, Sequence[Claim]]],
    precedence: Precedence,
    fields: Sequence[str],
    moment: datetime,
    severities: tuple[HealthSeverity, HealthSeverity],
) -> Iterator[Finding]:
    """CIs of which sources say different things now, and no person has decided.

    `severities`: where nobody said which source is believed, and where an order says it.
    """
    for ci_id, all_of_them in claims:
        if not any(_several_values(name, all_of_them) for name in fields):
            continue  # most CIs: nothing else need be looked at
        row = facts.row(ci_id)
        if not facts.living[row]:
            continue
        told: list[str] = []
        undecided = False
        fresh = [each for each in all_of_them if not precedence.is_stale(each, moment)]
        for name in fields:
            winner = precedence.winner(name, fresh, moment)
            if winner is None or winner.source == MANUAL:
                continue
            others = _differing(name, winner, fresh)
            if others:
                said = "; ".join(f"{each.source} says {each.said[name]!r}" for each in others)
                told.append(f"{name} is {winner.said[name]!r} by {winner.source}, {said}")
                order = precedence.orders.get(name, precedence.orders.get(ANY, ()))
                undecided = undecided or winner.source not in order
        if told:
            severity = severities[not undecided]
            yield Finding(row, "conflicting_sources", severity, ". ".join(told))


def too_small(facts: Facts, groups: Iterable[Group], severity: HealthSeverity) -> Iterator[Finding]:
    """CIs with a redundancy group that needs more members than it has."""
    for group in groups:
        row = facts.row(group.dependent_id)
        if facts.living[row]:
            detail = (
                f"group {group.name!r} needs {group.min_up} up, {group.members} are not retired"
            )
            yield Finding(row, "group_too_small", severity, detail)


def waiting(facts: Facts, reviews: Iterable[Review], severity: HealthSeverity) -> Iterator[Finding]:
    """CIs that a record which waits for a decision may be."""
    for review in reviews:
        for row in facts.rows(review.candidates).tolist():
            if row >= 0 and facts.living[row]:
                detail = f"review {review.id}: {review.name!r} of {review.source} may be this one"
                yield Finding(row, "waiting_review", severity, detail)


def _several_values(name: str, claims: Sequence[Claim]) -> bool:
    values = [each.said[name] for each in claims if name in each.said]
    return len(values) > 1 and values.count(values[0]) < len(values)


def _differing(name: str, winner: Claim, claims: Iterable[Claim]) -> list[Claim]:
    """Of each other source the claim that says something else."""
    mine = _comparable(name, winner.said[name])
    found: dict[str, Claim] = {}
    for each in claims:
        value = each.said.get(name)
        if value is not None and each.source != winner.source and _comparable(name, value) != mine:
            found.setdefault(each.source, each)
    return list(found.values())


def _comparable(name: str, value: Any) -> Any:
    if name == "serial_number":
        return serial(value) or value
    return fold(value) if isinstance(value, str) else value


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def _cis(ids: Sequence[int]) -> str:
    listed = ", ".join(str(each) for each in ids[:_LISTED])
    more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
    return f"CI {listed}{more}"


def _have(ids: Sequence[int]) -> str:
    return "has" if len(ids) == 1 else "have"
