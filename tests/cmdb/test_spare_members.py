"""Redundancy right now, from the statuses of members."""

import pytest

from cmdb.spare_members import Group, spare


@pytest.mark.parametrize(
    ("min_up", "percent", "statuses", "up", "needed", "missing"),
    [
        (1, False, "active active", 2, 1, {}),
        (1, False, "active maintenance", 1, 1, {2: "maintenance"}),
        (2, False, "active retired", 1, 2, {2: "retired"}),
        (1, False, "active planned in_stock", 1, 1, {2: "planned", 3: "in_stock"}),
        (50, True, "active active active", 3, 2, {}),
        (50, True, "active active retired retired", 2, 1, {3: "retired", 4: "retired"}),
        (50, True, "retired", 0, 1, {1: "retired"}),
    ],
)
def test_a_member_is_up_while_it_is_active(
    min_up: int, percent: bool, statuses: str, up: int, needed: int, missing: dict[int, str]
) -> None:
    members = dict(enumerate(statuses.split(), 1))
    found = spare(Group(7, "api", 99, min_up, percent), members, down=())
    assert (found.members, found.up, found.min_up) == (len(members), up, needed)
    assert found.missing == missing


def test_a_member_that_is_reported_down_is_missing_and_a_retired_one_stays_retired() -> None:
    members = {1: "active", 2: "retired", 3: "active"}
    found = spare(Group(7, "api", 99, 1, False), members, down={1, 2, 50})
    assert found.missing == {1: "reported_down", 2: "retired"}
    assert found.up == 1
