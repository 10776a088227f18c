"""Pydantic types of the health report."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from cmdb.health_checks import Category, HealthSeverity
from cmdb.impact_schemas import CIName
from opsatlas.field_docs import field_docs


class _Out(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class HealthNumbers(_Out):
    """How many CIs have which worst finding, and what score follows. Each CI counts once."""

    configuration_items: int
    """All but the retired ones."""
    errors: int
    warnings: int
    infos: int
    score: float | None
    """100 × (1 - (errors + 0.5 × warnings + 0.1 × infos) / configuration_items); null: no CIs."""
    completeness: float | None
    """The score by the findings of this category alone."""
    correctness: float | None
    compliance: float | None
    """Null while no rule is written."""


class HealthPart(HealthNumbers):
    """The numbers of one class, source or owner."""

    name: str
    """Empty for the CIs without an owner."""


class HealthCheck(_Out):
    """One check, and how often it found something."""

    check: str
    category: Category
    severity: HealthSeverity
    title: str
    remedy: str
    findings: int
    configuration_items: int


class HealthChange(_Out):
    """A score as it was before."""

    at: datetime
    score: float | None
    change: float | None
    """The score now less the score then."""


class HealthReport(HealthNumbers):
    """The health of the inventory, or of a part of it."""

    at: datetime
    since_last: HealthChange | None
    """Compared with the last day before today that was recorded; null where there is none."""
    since_30_days: HealthChange | None
    """Compared with the last record that is at least 30 days old."""
    checks: list[HealthCheck]
    """Those that are on, the ones with findings first."""
    classes: list[HealthPart]
    """The lowest score first."""
    sources: list[HealthPart]
    """A CI counts for each source that reports it."""
    owners: list[HealthPart]
    """At most 100, the lowest scores."""
    waiting_reviews: int
    """Records that wait for a person, in the whole inventory."""
    took_ms: float


class FindingOut(_Out):
    """What is wrong with a CI, and what to do about it."""

    ci: CIName
    check: str
    category: Category
    severity: HealthSeverity
    detail: str
    remedy: str
    other: CIName | None
    """Another CI that takes part."""
    owner: str | None
    sources: list[str]
    """Who reports the CI."""


class TrendPoint(HealthNumbers):
    """The numbers as they were on one day."""

    at: datetime
