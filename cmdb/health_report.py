"""The health report: scores of the whole and its parts, and the findings page by page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from cmdb.health import Examination, Scope
from cmdb.health_checks import CHECKS, OTHER, RULE, Category, Finding, HealthSeverity, Mask
from cmdb.health_facts import sources_by_row
from cmdb.health_reading import read_names
from cmdb.health_schemas import FindingOut, HealthCheck, HealthNumbers, HealthPart, HealthReport
from cmdb.health_scores import Numbers
from cmdb.health_trend import CI_CLASS, OWNER, SOURCE, changes
from cmdb.impact_schemas import CIName

_OWNERS = 100
_CHUNK = 5_000


def report(session: Session, examination: Examination, scope: Scope) -> HealthReport:
    """The numbers of a part of the inventory. Raises InvalidInputError for a name in `scope`."""
    cis = examination.within(scope)
    found = numbers_out(examination.numbers(cis))
    facts = examination.facts
    owners = [owner or "" for owner in facts.owners]
    last, month = changes(session, scope, found.score, examination.at)
    return HealthReport(
        **found.model_dump(),
        at=examination.at,
        since_last=last,
        since_30_days=month,
        checks=_checks(examination, cis),
        classes=_parts(examination, cis, facts.class_code, facts.classes),
        sources=_source_parts(examination, cis),
        owners=_parts(examination, cis, facts.owner_code, owners)[:_OWNERS],
        waiting_reviews=len(examination.reviews),
        took_ms=0.0,
    )


def whole_and_parts(
    examination: Examination,
) -> tuple[HealthNumbers, list[tuple[str, HealthPart]]]:
    """The numbers of the inventory, and of every class, source and owner, each with what it is."""
    living, facts = examination.within(Scope()), examination.facts
    owners = [owner or "" for owner in facts.owners]
    parts = (
        (CI_CLASS, _parts(examination, living, facts.class_code, facts.classes)),
        (SOURCE, _source_parts(examination, living)),
        (OWNER, _parts(examination, living, facts.owner_code, owners)),
    )
    whole = numbers_out(examination.numbers(living))
    return whole, [(part, each) for part, some in parts for each in some]


@dataclass(frozen=True, slots=True)
class FindingPage:
    """One page of findings: `count` is of all that were asked for."""

    count: int
    results: list[FindingOut]
    more: bool
    last_id: int | None = None


def find(
    examination: Examination,
    scope: Scope,
    checks: Collection[str],
    severities: Collection[HealthSeverity],
) -> list[Finding]:
    """The findings at a part of the inventory, errors first; without checks or severities all.

    Raises InvalidInputError for a name that is none.
    """
    for name in checks:
        examination.rules.check(name)
    cis = examination.within(scope)
    return [
        each
        for each in examination.findings
        if cis[each.row]
        and (not checks or each.check in checks)
        and (not severities or each.severity in severities)
    ]


def findings_page(
    session: Session, examination: Examination, found: Sequence[Finding], offset: int, limit: int
) -> FindingPage:
    """Some of the findings as they go out."""
    end = offset + limit
    results = findings_out(session, examination, found[offset:end])
    return FindingPage(len(found), results, end < len(found))


def all_findings(
    session: Session, examination: Examination, found: Sequence[Finding]
) -> Iterator[FindingOut]:
    """All of the findings as they go out, some at a time."""
    for start in range(0, len(found), _CHUNK):
        yield from findings_out(session, examination, found[start : start + _CHUNK])


def findings_out(
    session: Session, examination: Examination, found: Sequence[Finding]
) -> list[FindingOut]:
    """Findings with the names of their CIs."""
    facts, rules = examination.facts, examination.rules
    rows = {row for each in found for row in (each.row, each.other) if row >= 0}
    names = read_names(session, [int(facts.ids[row]) for row in rows])
    sources = sources_by_row(facts, {each.row for each in found})

    def ci(row: int) -> CIName:
        ci_id = int(facts.ids[row])
        name, ci_class = names[ci_id], facts.classes[int(facts.class_code[row])]
        return CIName(id=ci_id, name=name, ci_class=ci_class)

    out: list[FindingOut] = []
    for each in found:
        other = ci(each.other) if each.other >= 0 else None
        check = rules.check(each.check)
        out.append(
            FindingOut(
                ci=ci(each.row),
                check=each.check,
                category=check.category,
                severity=each.severity,
                detail=each.detail if other is None else each.detail.replace(OTHER, other.name, 1),
                remedy=check.remedy,
                other=other,
                owner=facts.owners[int(facts.owner_code[each.row])],
                sources=sources.get(each.row, []),
            )
        )
    return out


def numbers_out(numbers: Numbers) -> HealthNumbers:
    """Numbers as they go out."""
    return HealthNumbers(
        configuration_items=numbers.configuration_items,
        errors=numbers.errors,
        warnings=numbers.warnings,
        infos=numbers.infos,
        score=numbers.score,
        completeness=numbers.by_category[Category.COMPLETENESS],
        correctness=numbers.by_category[Category.CORRECTNESS],
        compliance=numbers.by_category[Category.COMPLIANCE],
    )


def _parts(
    examination: Examination, cis: Mask, codes: NDArray[np.int32], names: Sequence[str]
) -> list[HealthPart]:
    rows = np.flatnonzero(cis).astype(np.int32)
    return _of_codes(examination, rows, codes[rows], names)


def _source_parts(examination: Examination, cis: Mask) -> list[HealthPart]:
    facts = examination.facts
    kept = cis[facts.source_row]
    return _of_codes(examination, facts.source_row[kept], facts.source_code[kept], facts.sources)


def _of_codes(
    examination: Examination,
    rows: NDArray[np.int32],
    codes: NDArray[np.int32],
    names: Sequence[str],
) -> list[HealthPart]:
    """The numbers of each name that any of `rows` has, the lowest score first."""
    if not len(rows):
        return []
    order = np.argsort(codes, kind="stable")
    rows, codes = rows[order], codes[order]
    found, starts = np.unique(codes, return_index=True)
    parts: dict[str, list[NDArray[np.int32]]] = defaultdict(list)
    for code, some in zip(found.tolist(), np.split(rows, starts[1:]), strict=True):
        parts[names[code]].append(some)
    out = [
        HealthPart(
            name=name,
            **numbers_out(examination.numbers(np.concatenate(some))).model_dump(),
        )
        for name, some in parts.items()
    ]
    return sorted(out, key=lambda each: (each.score, -each.configuration_items, each.name))


def _checks(examination: Examination, cis: Mask) -> list[HealthCheck]:
    counts: Counter[str] = Counter()
    touched: dict[str, set[int]] = defaultdict(set)
    for each in examination.findings:
        if cis[each.row]:
            counts[each.check] += 1
            touched[each.check].add(each.row)
    rules = examination.rules
    names = [*CHECKS, *(RULE + rule.name for rule in rules.rules)]
    out: list[HealthCheck] = []
    for name in names:
        check = rules.check(name)
        severity = rules.severity_of(name, check.severity)
        if severity is not None:
            out.append(
                HealthCheck(
                    check=name,
                    category=check.category,
                    severity=severity,
                    title=check.title,
                    remedy=check.remedy,
                    findings=counts[name],
                    configuration_items=len(touched[name]),
                )
            )
    return sorted(out, key=lambda each: not each.findings)
