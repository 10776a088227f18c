"""Checks on how CIs are related: orphans, what stands on nothing, what makes no sense. Pure."""

from collections.abc import Iterable, Iterator

import numpy as np

from cmdb.graph_input import Indices
from cmdb.health_checks import Finding, HealthSeverity, Mask
from cmdb.health_facts import Facts
from cmdb.health_rules import Foundation, Hosting, Orphans, Pairs
from cmdb.whole_graph import circle_labels


def orphans(facts: Facts, rule: Orphans, severity: HealthSeverity) -> Iterator[Finding]:
    """CIs in use without any relationship to a CI that is not retired."""
    alone = facts.in_use & ~facts.of_classes(rule.ignored_classes) & ~_related_to_living(facts)
    with_retired = np.zeros(len(facts.ids), np.bool_)
    with_retired[facts.dependent] = True
    with_retired[facts.provider] = True
    for row in _rows(alone):
        detail = (
            "it is related to retired CIs alone"
            if with_retired[row]
            else "it is related to nothing"
        )
        yield Finding(row, "orphan", severity, detail)


def unhosted(
    facts: Facts, rule: Hosting, in_a_cloud: Mask, severity: HealthSeverity
) -> Iterator[Finding]:
    """CIs in use of which nothing says what they live on, though they are related to something;
    who is `in_a_cloud` lives on what belongs to somebody else."""
    found = facts.in_use & facts.of_classes(rule.classes) & ~in_a_cloud & _related_to_living(facts)
    found[facts.dependent[_among_living(facts) & facts.of_types(rule.types)]] = False
    detail = f"it has no relationship {', '.join(rule.types)}"
    for row in _rows(found):
        yield Finding(row, "runs_on_nothing", severity, detail)


def unfounded(facts: Facts, rule: Foundation, severity: HealthSeverity) -> Iterator[Finding]:
    """CIs in use that, over whatever they need, reach none of the classes that they stand on."""
    kept = _among_living(facts) & facts.of_types(facts.carrying)
    dependent, provider = facts.dependent[kept], facts.provider[kept]
    founded = facts.living & facts.of_classes(rule.on)
    while True:
        reached = dependent[founded[provider] & ~founded[dependent]]
        if not len(reached):
            break
        founded[reached] = True
    of_them = facts.in_use & facts.of_classes(rule.classes) & _related_to_living(facts)
    for row in _rows(of_them & ~founded):
        yield Finding(
            row, "no_infrastructure", severity, "nothing that it needs leads to infrastructure"
        )


def impossible_relationships(
    facts: Facts, impossible: Iterable[Pairs], possible: Iterable[Pairs], severity: HealthSeverity
) -> Iterator[Finding]:
    """Relationships between classes that cannot be related so, found at the dependent."""
    allowed = np.zeros(len(facts.dependent), np.bool_)
    for pairs in possible:
        allowed |= _fitting(facts, pairs)
    for pairs in impossible:
        found = _fitting(facts, pairs) & _among_living(facts) & ~allowed
        allowed |= found  # what one row of the table names, another need not name again
        for place in _rows(found):
            name = facts.types[int(facts.type_code[place])]
            yield Finding(
                int(facts.dependent[place]),
                "impossible_relationship",
                severity,
                f"it {name} {{other}} ({_class_of(facts, facts.provider[place])}): {pairs.because}",
                int(facts.provider[place]),
            )


def needs_retired(facts: Facts, severity: HealthSeverity) -> Iterator[Finding]:
    """CIs that need one that is retired, and are not retired themselves."""
    found = facts.living[facts.dependent] & ~facts.living[facts.provider]
    for place in _rows(found & facts.of_types(facts.carrying)):
        name = facts.types[int(facts.type_code[place])]
        detail = f"it {name} {{other}}, which is retired"
        row, other = int(facts.dependent[place]), int(facts.provider[place])
        yield Finding(row, "needs_retired", severity, detail, other)


def hosting_cycles(
    facts: Facts, types: Iterable[str], severity: HealthSeverity
) -> Iterator[Finding]:
    """CIs that live on themselves, over one or several others."""
    kept = _among_living(facts) & facts.of_types(types)
    dependent, provider = _peeled(facts.dependent[kept], facts.provider[kept], len(facts.ids))
    labels = circle_labels(dependent, provider, len(facts.ids))
    of_ring = np.bincount(labels, minlength=1)
    around = (labels[dependent] == labels[provider]) & (dependent != provider)
    dependent, provider = dependent[around], provider[around]
    order = np.lexsort((provider, dependent))
    rows, first = np.unique(dependent[order], return_index=True)
    for row, other in zip(rows.tolist(), provider[order][first].tolist(), strict=True):
        ring = int(of_ring[labels[row]])
        detail = f"it lives on {{other}}, which in a circle of {ring} lives on it"
        yield Finding(row, "hosting_cycle", severity, detail, other)


def _peeled(dependent: Indices, provider: Indices, count: int) -> tuple[Indices, Indices]:
    """The edges that are left when, again and again, those at a loose end are taken away: few."""
    while len(dependent):
        has_provider, has_dependent = np.zeros((2, count), np.bool_)
        has_provider[dependent] = True
        has_dependent[provider] = True
        kept = has_provider[provider] & has_dependent[dependent]
        if kept.all():
            break
        dependent, provider = dependent[kept], provider[kept]
    return dependent, provider


def _among_living(facts: Facts) -> Mask:
    found: Mask = facts.living[facts.dependent] & facts.living[facts.provider]
    return found


def _related_to_living(facts: Facts) -> Mask:
    """(n,) the CIs with a relationship at all between two that are not retired."""
    kept = _among_living(facts)
    found = np.zeros(len(facts.ids), np.bool_)
    found[facts.dependent[kept]] = True
    found[facts.provider[kept]] = True
    return found


def _fitting(facts: Facts, pairs: Pairs) -> Mask:
    return (
        facts.of_types(pairs.types)
        & facts.of_classes(pairs.dependents)[facts.dependent]
        & facts.of_classes(pairs.providers)[facts.provider]
    )


def _class_of(facts: Facts, row: np.int32) -> str:
    return facts.classes[int(facts.class_code[row])]


def _rows(mask: Mask) -> list[int]:
    found: list[int] = np.flatnonzero(mask).tolist()
    return found
