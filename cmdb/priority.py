"""Priority = impact × urgency, as ITIL has it: impact from the affected services, by two tables.

Impact reads the worst affected service in `IMPACT_TABLE`. A down service of criticality 1 or 2
stops the business or an important part of it: high. A degraded one still serves: one level less.
At risk, users notice nothing yet; only for criticality 1 is lost redundancy worth a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from cmdb.impact import State
from opsatlas.errors import InvalidInputError


class Impact(StrEnum):
    """The effect on the business."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Urgency(StrEnum):
    """How soon the effect must end."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Priority(IntEnum):
    """ITIL's five; 1 comes first."""

    CRITICAL = 1
    HIGH = 2
    MODERATE = 3
    LOW = 4
    PLANNING = 5

    @property
    def label(self) -> str:
        """`Critical`, `High`, `Moderate`, `Low` or `Planning`."""
        return self.name.capitalize()


IMPACT_TABLE: Mapping[State, Mapping[int, Impact]] = {
    State.DOWN: {1: Impact.HIGH, 2: Impact.HIGH, 3: Impact.MEDIUM, 4: Impact.LOW},
    State.DEGRADED: {1: Impact.MEDIUM, 2: Impact.MEDIUM, 3: Impact.LOW, 4: Impact.LOW},
    State.AT_RISK: {1: Impact.MEDIUM, 2: Impact.LOW, 3: Impact.LOW, 4: Impact.LOW},
}
"""Impact of one affected service: by its state, then by its criticality (1 is the highest)."""

ASSUMED_CRITICALITY = 3
"""Of a service that nobody has rated: below the rated ones, above what is known to be minor."""

_STATE_WORDS = {State.DOWN: "down", State.DEGRADED: "degraded", State.AT_RISK: "at risk"}


@dataclass(frozen=True, slots=True)
class AffectedService:
    """A service that is not operational; `criticality` 1 (highest) to 4, None for not rated."""

    name: str
    state: State
    criticality: int | None = None

    @property
    def impact(self) -> Impact:
        """What `IMPACT_TABLE` says of this service alone."""
        return IMPACT_TABLE[self.state][self._rank]

    @property
    def reason(self) -> str:
        """Such as `Checkout (criticality 1) is down`."""
        rated = "not rated" if self.criticality is None else f"criticality {self.criticality}"
        return f"{self.name} ({rated}) is {_STATE_WORDS[self.state]}"

    @property
    def _rank(self) -> int:
        return ASSUMED_CRITICALITY if self.criticality is None else self.criticality

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Sorts the worst first: by impact, state, criticality, name."""
        return list(Impact).index(self.impact), -self.state, self._rank, self.name


def _check_levels(what: str, given: Mapping[str, object], levels: Sequence[str]) -> None:
    if set(given) != set(levels):
        raise InvalidInputError(
            f"the priority matrix has {', '.join(sorted(given)) or 'nothing'} as {what}",
            hint=f"it needs exactly {', '.join(levels)}",
        )


def _priority(value: int) -> Priority:
    try:
        return Priority(value)
    except ValueError:
        raise InvalidInputError(
            f"{value!r} is not a priority", hint="1 (Critical) to 5 (Planning)"
        ) from None


def _check_run(priorities: list[Priority], what: str) -> None:
    if priorities != sorted(priorities):
        numbers = ", ".join(str(int(priority)) for priority in priorities)
        raise InvalidInputError(
            f"the priority matrix puts a higher {what} after a lower one: {numbers}",
            hint="from high to low the numbers must not fall",
        )


@dataclass(frozen=True, slots=True)
class PriorityMatrix:
    """Impact -> urgency -> priority; whole and never inverted, see `from_mapping`."""

    cells: Mapping[Impact, Mapping[Urgency, Priority]]

    @classmethod
    def from_mapping(cls, rows: Mapping[str, Mapping[str, int]]) -> PriorityMatrix:
        """From a setting: `{"high": {"high": 1, "medium": 2, "low": 3}, "medium": …, "low": …}`.

        Raises InvalidInputError for a missing or unknown level, a priority outside of 1 to 5, and
        a higher impact or urgency that comes later than a lower one.
        """
        _check_levels("impact", rows, list(Impact))
        cells = {}
        for impact in Impact:
            _check_levels(f"urgency of impact {impact}", rows[impact], list(Urgency))
            cells[impact] = {urgency: _priority(rows[impact][urgency]) for urgency in Urgency}
        matrix = cls(cells)
        matrix._check_order()
        return matrix

    def priority(self, impact: Impact, urgency: Urgency) -> Priority:
        """The cell of both."""
        return self.cells[impact][urgency]

    def _check_order(self) -> None:
        for row in self.cells.values():
            _check_run(list(row.values()), "urgency")
        for urgency in Urgency:
            _check_run([row[urgency] for row in self.cells.values()], "impact")


DEFAULT_MATRIX = PriorityMatrix.from_mapping(
    {
        "high": {"high": 1, "medium": 2, "low": 3},
        "medium": {"high": 2, "medium": 3, "low": 4},
        "low": {"high": 3, "medium": 4, "low": 5},
    }
)
"""The matrix that ITIL's own guides print."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """How soon to act and the sentence that says why."""

    impact: Impact
    urgency: Urgency
    priority: Priority
    reason: str


def assess(
    services: Iterable[AffectedService],
    urgency: Urgency,
    matrix: PriorityMatrix = DEFAULT_MATRIX,
) -> Assessment:
    """The priority that follows from the affected services; the worst one is the reason."""
    worst = min(services, key=lambda service: service.order, default=None)
    impact, reason = (
        (Impact.LOW, "no service is affected") if worst is None else (worst.impact, worst.reason)
    )
    return Assessment(impact, urgency, matrix.priority(impact, urgency), reason)
