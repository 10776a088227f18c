"""Priority, by the tables."""

import pytest

from cmdb.impact import State
from cmdb.priority import (
    DEFAULT_MATRIX,
    IMPACT_TABLE,
    AffectedService,
    Impact,
    Priority,
    PriorityMatrix,
    Urgency,
    assess,
)
from opsatlas.errors import InvalidInputError

CHECKOUT = AffectedService("Checkout", State.DOWN, 1)
ROWS = {
    "high": {"high": 1, "medium": 2, "low": 3},
    "medium": {"high": 2, "medium": 3, "low": 4},
    "low": {"high": 3, "medium": 4, "low": 5},
}


def test_a_critical_service_that_is_down_with_high_urgency_is_priority_one() -> None:
    found = assess([CHECKOUT], Urgency.HIGH)
    assert (found.impact, found.priority, found.priority.label) == ("high", 1, "Critical")
    assert found.reason == "Checkout (criticality 1) is down"


def test_without_an_affected_service_impact_is_low() -> None:
    found = assess([], Urgency.LOW)
    assert (found.impact, found.priority.label) == ("low", "Planning")
    assert found.reason == "no service is affected"


def test_the_worst_service_is_the_reason_whatever_the_order() -> None:
    services = [
        AffectedService("Search", State.DEGRADED, 1),
        AffectedService("Wiki", State.DOWN, 4),
        AffectedService("Billing", State.DOWN, 2),
        AffectedService("Accounts", State.DOWN, 2),
    ]
    expected = "Accounts (criticality 2) is down"
    assert assess(services, Urgency.MEDIUM).reason == expected
    assert assess(services[::-1], Urgency.MEDIUM).reason == expected


def test_of_equal_impact_what_is_down_comes_before_what_is_degraded() -> None:
    services = [
        AffectedService("Search", State.DEGRADED, 1),
        AffectedService("Wiki", State.DOWN, 3),
    ]
    assert assess(services, Urgency.LOW).reason == "Wiki (criticality 3) is down"


def test_an_unrated_service_counts_as_criticality_three_and_says_that_it_is_not_rated() -> None:
    found = assess([AffectedService("Intranet", State.DOWN)], Urgency.MEDIUM)
    assert (found.impact, found.priority) == (Impact.MEDIUM, Priority.MODERATE)
    assert found.reason == "Intranet (not rated) is down"


def test_a_service_at_risk_says_so_in_words() -> None:
    found = assess([AffectedService("Checkout", State.AT_RISK, 1)], Urgency.HIGH)
    assert found.reason == "Checkout (criticality 1) is at risk"


def test_impact_never_rises_with_a_better_state_or_a_lower_criticality() -> None:
    order = list(Impact)
    for criticality in range(1, 5):
        by_state = [
            order.index(IMPACT_TABLE[state][criticality])
            for state in (State.DOWN, State.DEGRADED, State.AT_RISK)
        ]
        assert by_state == sorted(by_state)
    for row in IMPACT_TABLE.values():
        by_criticality = [order.index(row[criticality]) for criticality in range(1, 5)]
        assert by_criticality == sorted(by_criticality)


def test_the_default_matrix_is_the_one_of_itil() -> None:
    assert PriorityMatrix.from_mapping(ROWS) == DEFAULT_MATRIX


def test_a_matrix_of_ones_own_is_used() -> None:
    calm = PriorityMatrix.from_mapping({**ROWS, "high": {"high": 2, "medium": 2, "low": 3}})
    assert assess([CHECKOUT], Urgency.HIGH, calm).priority == Priority.HIGH


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"high": ROWS["high"]}, "exactly high, medium, low"),
        ({**ROWS, "extreme": ROWS["high"]}, "extreme"),
        ({**ROWS, "low": {"high": 3, "medium": 4}}, "urgency of impact low"),
        ({**ROWS, "low": {"high": 3, "medium": 4, "low": 6}}, "6 is not a priority"),
        ({**ROWS, "low": {"high": 3, "medium": 4, "low": 0}}, "0 is not a priority"),
        ({**ROWS, "low": {"high": 5, "medium": 4, "low": 5}}, "higher urgency after a lower"),
        ({**ROWS, "high": {"high": 3, "medium": 3, "low": 3}}, "higher impact after a lower"),
    ],
)
def test_a_matrix_that_makes_no_sense_is_refused_with_a_reason(
    rows: dict[str, dict[str, int]], says: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        PriorityMatrix.from_mapping(rows)
    assert says in str(caught.value)
