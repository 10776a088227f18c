"""How likely two incidents are one trouble: by their texts, their CIs, and the time between them.

Every constant is fitted by `python -m bench.problems --fit` on generated storms, with near misses
among them: the same alert on another cluster, the same alert on another day.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]

INTERCEPT = -4.66
ALIKE, NEAR, APART, HOURS, SCOPE, RULE = 8.06, 2.81, -1.98, -2.99, -3.37, -1.63
"""Weights of the signals of `Signs`, in its order; hours as ln(1 + hours)."""

SAME_FROM = 0.5
"""Confidence from which two incidents count as one trouble."""

_RULE = "alertname"
_LABEL = re.compile(
    r"\b(alertname|cluster|datacenter|data_center|dc|region|site|environment|env|stage)"
    r"\"?\s?[=:]\s?\"?([A-Za-z0-9][\w.-]{0,63})",
    re.IGNORECASE,
)
_LOOKED_AT = 4_000  # characters of a text


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of pairs of incidents; arrays of one shape."""

    alike: Numbers
    """How alike their texts are, 0 to 1."""
    near: Numbers
    """How near their CIs are in the dependency graph, 0 to 1 (`kb.proximity`)."""
    apart: Numbers
    """1 where both name CIs that we know and none is near another, else 0."""
    hours: Numbers
    """Between the moments at which they were opened."""
    scope: Numbers
    """1 where their texts name different clusters, sites or environments, else 0."""
    rule: Numbers
    """1 where they are alerts of different rules, else 0."""


def confidence(signs: Signs) -> Numbers:
    """How likely each pair is one trouble, 0 to 1."""
    logit = (
        INTERCEPT
        + ALIKE * signs.alike
        + NEAR * signs.near
        + APART * signs.apart
        + HOURS * np.log1p(signs.hours)
        + SCOPE * signs.scope
        + RULE * signs.rule
    )
    sure: Numbers = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return sure


def labels_of(text: str) -> dict[str, str]:
    """What a text says of the rule that raised it and where it happens: the values of labels such
    as `alertname`, `cluster` and `env`, folded; of a label that is said twice the first."""
    found: dict[str, str] = {}
    for match in _LABEL.finditer(text[:_LOOKED_AT]):
        found.setdefault(match[1].casefold(), match[2].casefold())
    return found


def scopes_differ(one: Sequence[Mapping[str, str]], other: Sequence[Mapping[str, str]]) -> Numbers:
    """(n, m): 1 where both name a scope of one kind, and not the same."""
    labels = {name for each in one for name in each} - {_RULE}
    return _differ(one, other, labels)


def rules_differ(one: Sequence[Mapping[str, str]], other: Sequence[Mapping[str, str]]) -> Numbers:
    """(n, m): 1 where both are alerts that say their rule, and it is not the same."""
    return _differ(one, other, {_RULE})


def _differ(
    one: Sequence[Mapping[str, str]], other: Sequence[Mapping[str, str]], labels: Iterable[str]
) -> Numbers:
    differ = np.zeros((len(one), len(other)), dtype=bool)
    for label in labels:
        values: dict[str, int] = {}
        mine, theirs = (
            np.array(
                [
                    values.setdefault(each[label], len(values)) if label in each else -1
                    for each in side
                ]
            )
            for side in (one, other)
        )
        named = (mine[:, None] >= 0) & (theirs[None, :] >= 0)
        differ |= named & (mine[:, None] != theirs[None, :])
    return differ.astype(np.float32)
