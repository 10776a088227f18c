"""What a health report looks for: every check with its category, its severity and its remedy."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class Category(StrEnum):
    """What kind of trouble a finding is."""

    COMPLETENESS = "completeness"
    CORRECTNESS = "correctness"
    COMPLIANCE = "compliance"


class HealthSeverity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


WEIGHTS = {HealthSeverity.ERROR: 1.0, HealthSeverity.WARNING: 0.5, HealthSeverity.INFO: 0.1}
"""What a CI loses of its share of the score by its worst finding."""


class Check(NamedTuple):
    """One thing that is looked for."""

    name: str
    category: Category
    severity: HealthSeverity
    title: str
    remedy: str


class Finding(NamedTuple):
    """That a check found something at a CI."""

    row: int
    """The CI, by its row in the facts."""
    check: str
    severity: HealthSeverity
    detail: str
    other: int = -1
    """The row of another CI that takes part, whose name `OTHER` stands for in the detail; -1 for
    none."""


OTHER = "{other}"
RULE = "rule:"
"""Before the name of an admin's rule, which is a check too."""

_ERROR, _WARNING, _INFO = HealthSeverity
_COMPLETENESS, _CORRECTNESS, _ = Category

CHECKS = {
    check.name: check
    for check in (
        Check(
            "missing_required",
            _COMPLETENESS,
            _ERROR,
            "Required attributes are missing",
            "fill them in at the source, or by hand",
        ),
        Check(
            "missing_recommended",
            _COMPLETENESS,
            _INFO,
            "Recommended attributes are missing",
            "fill them in at the source, or take them off the list of the class",
        ),
        Check(
            "orphan",
            _CORRECTNESS,
            _WARNING,
            "Related to nothing",
            "relate it to what it needs and what needs it, or retire it",
        ),
        Check(
            "runs_on_nothing",
            _CORRECTNESS,
            _WARNING,
            "Nothing is said of what it runs on",
            "add a relationship `runs_on` or `hosted_on`, or load the source that knows it",
        ),
        Check(
            "no_infrastructure",
            _CORRECTNESS,
            _WARNING,
            "A service without known infrastructure",
            "relate the service, or what it needs, to where it runs",
        ),
        Check(
            "duplicate_name",
            _CORRECTNESS,
            _WARNING,
            "Another CI has the same name and class",
            "retire one of them, or tell them apart by name or environment",
        ),
        Check(
            "duplicate_identifier",
            _CORRECTNESS,
            _ERROR,
            "Another CI has the same identifier",
            "it is one thing or the identifier is wrong: retire one, or correct it at its source",
        ),
        Check(
            "stale",
            _CORRECTNESS,
            _WARNING,
            "No source has seen it for too long",
            "load its sources again, or retire it",
        ),
        Check(
            "conflicting_sources",
            _CORRECTNESS,
            _WARNING,
            "Sources say different things",
            "correct the source that is wrong, or set which one is believed:"
            " `opsatlas precedence set`",
        ),
        Check(
            "impossible_relationship",
            _CORRECTNESS,
            _ERROR,
            "A relationship that makes no sense",
            "turn it round or delete it; where it is right, allow it under [[possible]]",
        ),
        Check(
            "needs_retired",
            _CORRECTNESS,
            _WARNING,
            "It needs a retired CI",
            "relate it to the successor and delete the relationship, or bring the other back",
        ),
        Check(
            "group_too_small",
            _CORRECTNESS,
            _ERROR,
            "A redundancy group needs more members than it has",
            "lower `min_up`, or add the members that are missing",
        ),
        Check(
            "hosting_cycle",
            _CORRECTNESS,
            _ERROR,
            "It lives, in a circle, on itself",
            "delete the relationship of the circle that is wrong",
        ),
        Check(
            "waiting_review",
            _CORRECTNESS,
            _INFO,
            "A record that may be this CI waits for a decision",
            "decide it: `opsatlas reviews list`",
        ),
    )
}
