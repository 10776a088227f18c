"""Checks on the values of each CI: completeness by class, and the rules of an admin. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from cmdb.health_checks import RULE, Finding, HealthSeverity, Mask
from cmdb.health_facts import CIValues, Facts
from cmdb.health_rules import ALL, Completeness, Related, Rule
from cmdb.health_values import Patterns, value_of

Look = Callable[[int, CIValues], Iterable[Finding]]
"""What a check says of the CI at a row."""


def completeness(
    facts: Facts,
    rules: Mapping[str, Completeness],
    required: HealthSeverity | None,
    recommended: HealthSeverity | None,
) -> Look:
    """Which attributes of its class a CI lacks; what is required is not recommended as well.

    Recommended ones are missed of CIs in use alone: who plans a server has no serial number yet.
    """
    wanted = {name: _of_line(rules, [*facts.line(name), ALL]) for name in facts.classes}
    kinds = (("missing_required", required), ("missing_recommended", recommended))
    details: dict[tuple[str, ...], str] = {}

    def look(row: int, ci: CIValues) -> Iterator[Finding]:
        for (check, severity), names in zip(kinds, wanted[ci.fields["ci_class"]], strict=True):
            if severity is None or (check == "missing_recommended" and not facts.in_use[row]):
                continue
            missing = tuple(name for name in names if not _has_one(name, ci))
            if missing:
                detail = details.setdefault(missing, _told(missing))
                yield Finding(row, check, severity, detail)

    return look


def compliance(facts: Facts, rules: Iterable[Rule]) -> Look:
    """Which rules a CI breaks."""
    by_class: dict[str, list[tuple[Rule, Callable[[int, CIValues], bool]]]] = {
        name: [] for name in facts.classes
    }
    for rule in rules:
        broken = _broken(facts, rule)
        for name in facts.classes:
            if ALL in rule.classes or not set(rule.classes).isdisjoint(facts.line(name)):
                by_class[name].append((rule, broken))

    def look(row: int, ci: CIValues) -> Iterator[Finding]:
        for rule, broken in by_class[ci.fields["ci_class"]]:
            if broken(row, ci):
                yield Finding(row, RULE + rule.name, rule.severity, rule.message)

    return look


def look_at_all(facts: Facts, cis: Iterable[CIValues], looks: Iterable[Look]) -> Iterator[Finding]:
    """What each of the checks says of each CI."""
    looks = list(looks)
    for ci in cis:
        row = facts.row(ci.id)
        for look in looks:
            yield from look(row, ci)


def _of_line(rules: Mapping[str, Completeness], line: Iterable[str]) -> tuple[list[str], list[str]]:
    entries = [rules[name] for name in line if name in rules]
    required = dict.fromkeys(name for each in entries for name in each.required or ())
    recommended = dict.fromkeys(name for each in entries for name in each.recommended or ())
    return list(required), [name for name in recommended if name not in required]


def _has_one(name: str, ci: CIValues) -> bool:
    return any(value_of(each, ci.fields, ci.attributes) is not None for each in name.split("|"))


def _told(missing: Iterable[str]) -> str:
    return ", ".join(" or ".join(name.split("|")) for name in missing)


def _broken(facts: Facts, rule: Rule) -> Callable[[int, CIValues], bool]:
    """Whether the rule is meant for a CI, and not kept."""
    where = [
        (name, Patterns(said if isinstance(said, list) else [said]))
        for name, said in rule.where.items()
    ]
    require = rule.require
    related = None if require.related is None else _related(facts, require.related)
    patterns = None
    if require.matches is not None:
        patterns = Patterns([require.matches])
    elif require.one_of is not None:
        patterns = Patterns(_literal(each) for each in require.one_of)

    def broken(row: int, ci: CIValues) -> bool:
        for name, meant in where:
            if not meant.fits(value_of(name, ci.fields, ci.attributes)):
                return False
        if related is not None:
            return not related[row]
        value = value_of(str(require.field), ci.fields, ci.attributes)
        return value is None if patterns is None else not patterns.fits(value)

    return broken


def _related(facts: Facts, rule: Related) -> Mask:
    """(n,) the CIs with such a relationship."""
    here, there = facts.dependent, facts.provider
    if rule.role == "dependent":
        here, there = there, here
    kept = facts.of_types(rule.types) & facts.of_classes(rule.classes)[there] & facts.living[there]
    found = np.zeros(len(facts.ids), np.bool_)
    found[here[kept]] = True
    return found


def _literal(value: Any) -> Any:
    """A value that no sign of a pattern is read from."""
    if not isinstance(value, str):
        return value
    return "".join(f"[{char}]" if char in "*?[" else char for char in value)
