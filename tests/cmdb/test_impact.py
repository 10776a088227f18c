"""What a failure means, one rule a test. The worked examples of docs/impact.md are among them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.impact import State, analyse
from cmdb.walks import Walk
from opsatlas.errors import InvalidInputError, NotFoundError
from tests.cmdb.builders import STRATEGIES, graph


def test_what_requires_a_failed_ci_is_down_at_any_distance() -> None:
    impact = graph("checkout -> orders-api -> db").fail("db")
    assert impact.states == {"checkout": "down", "orders-api": "down", "db": "down"}
    assert impact.path("checkout") == "db > orders-api > checkout"
    assert impact.why("checkout") == "required: orders-api"
    assert impact.why("db") == "failed"


def test_what_a_failed_ci_depends_on_is_not_affected() -> None:
    assert graph("web -> app -> db").fail("web").states == {"web": "down"}


def test_an_optional_provider_that_is_down_degrades_and_degraded_travels_on() -> None:
    impact = graph("checkout -> shop -> recommender?").fail("recommender")
    assert impact.states == {"checkout": "degraded", "shop": "degraded", "recommender": "down"}
    assert impact.why("shop") == "optional: recommender"
    assert impact.why("checkout") == "required: shop"


def test_an_optional_provider_that_is_only_degraded_has_no_effect() -> None:
    impact = graph("portal -> shop?, shop -> recommender?").fail("recommender")
    assert impact.states == {"shop": "degraded", "recommender": "down"}


def test_a_group_of_three_that_needs_two_is_at_risk_when_one_is_down() -> None:
    g = graph("checkout -> {api-1 api-2 api-3}/2")
    impact = g.fail("api-2")
    assert impact.states == {"checkout": "at_risk", "api-2": "down"}
    assert impact.why("checkout") == "1 of 3 down, 2 needed"


def test_a_group_of_three_that_needs_two_is_down_when_two_are_down() -> None:
    g = graph("checkout -> {api-1 api-2 api-3}/2")
    impact = g.fail("api-3", "api-1")
    assert impact.states == {"checkout": "down", "api-1": "down", "api-3": "down"}
    assert impact.why("checkout") == "2 of 3 down, 2 needed"


def test_at_risk_goes_no_further() -> None:
    impact = graph("portal -> checkout -> {api-1 api-2}").fail("api-1")
    assert impact.states == {"checkout": "at_risk", "api-1": "down"}


def test_a_degraded_member_puts_its_group_at_risk_but_still_counts_as_up() -> None:
    impact = graph("checkout -> {api-1 api-2}/2, api-1 -> cache?").fail("cache")
    assert impact.states == {"checkout": "at_risk", "api-1": "degraded", "cache": "down"}
    assert impact.why("checkout") == "0 of 2 down, 2 needed"


def test_a_common_provider_takes_all_members_down_and_the_group_with_them() -> None:
    impact = graph("checkout -> {api-1 api-2}/1 -> hypervisor -> rack").fail("rack")
    assert impact.states["checkout"] == "down"
    assert impact.path("checkout") in {
        "rack > hypervisor > api-1 > checkout",
        "rack > hypervisor > api-2 > checkout",
    }
    assert impact.why("checkout") == "2 of 2 down, 1 needed"


def test_the_path_of_a_group_shows_the_member_that_tipped_it() -> None:
    impact = graph("web -> {a b}/1, a -> disk, b -> vm -> disk").fail("disk")
    assert impact.path("web") == "disk > vm > b > web"


@pytest.mark.parametrize(
    ("min_up", "down", "state"),
    [("50%", 1, "at_risk"), ("50%", 2, "down"), ("34%", 1, "at_risk"), ("34%", 2, "down"),
     ("33%", 2, "at_risk"), ("33%", 3, "down"), ("0%", 2, "at_risk"), ("0%", 3, "down"),
     ("100%", 1, "down"), ("0", 2, "at_risk"), ("0", 3, "down")],
)  # fmt: skip
def test_a_percentage_of_three_members_is_rounded_up_and_at_least_one_is_needed(
    min_up: str, down: int, state: str
) -> None:
    g = graph(f"web -> {{a b c}}/{min_up}")
    assert g.fail(*"abc"[:down]).states["web"] == state


def test_a_member_listed_twice_counts_once() -> None:
    g = graph("web -> {a a b}/2")
    assert g.fail("b").why("web") == "1 of 2 down, 2 needed"
    assert graph("web -> {a a b}/1").fail("a").states["web"] == "at_risk"


def test_retired_members_leave_the_group_and_a_count_above_the_rest_means_all_of_it() -> None:
    g = graph("web -> {a b c}/2", retired="b c")
    assert g.fail().states == {}
    assert g.fail("a").why("web") == "1 of 1 down, 1 needed"
    assert graph("web -> {a b}/1, web -> c", retired="a b").fail("c").why("web") == "required: c"


def test_a_retired_ci_passes_nothing_on_and_cannot_fail() -> None:
    g = graph("web -> app -> db", retired="app")
    assert g.fail("db").states == {"db": "down"}
    with pytest.raises(NotFoundError):
        g.fail("app")


def test_the_worst_of_parallel_edges_wins() -> None:
    assert graph("web -> db?, web -> {db x}, web -> db").fail("db").states["web"] == "down"
    assert graph("web -> db?, web -> {db x}").fail("db").states["web"] == "degraded"


def test_a_group_and_an_optional_edge_of_one_ci_are_weighed_on_their_own() -> None:
    impact = graph("web -> {a b}/1, web -> c?").fail("a", "b", "c")
    assert impact.states["web"] == "down"
    assert impact.why("web") == "2 of 2 down, 1 needed"


def test_a_ring_is_down_as_a_whole_and_comes_to_an_end() -> None:
    impact = graph("a -> b -> c -> a, web -> a").fail("b")
    assert impact.states == dict.fromkeys(["a", "b", "c", "web"], "down")
    assert impact.path("web") == "b > a > web"
    assert impact.why("b") == "failed"


def test_a_ci_that_depends_on_itself_is_not_taken_down_by_that() -> None:
    assert graph("a -> a, web -> {a web}/2, web -> b?").fail("b").states["web"] == "degraded"


def test_a_failed_ci_stays_failed_even_if_its_provider_failed_too() -> None:
    impact = graph("web -> db").fail("db", "web")
    assert impact.why("web") == "failed"
    assert impact.path("web") == "web"
    assert impact.result.counts() == {State.AT_RISK: 0, State.DEGRADED: 0, State.DOWN: 0}


def test_two_failures_together_do_what_neither_does_alone() -> None:
    g = graph("web -> {dc-1 dc-2}/1")
    assert g.fail("dc-1").states["web"] == g.fail("dc-2").states["web"] == "at_risk"
    assert g.fail("dc-1", "dc-2").states["web"] == "down"


def test_counts_leave_out_the_failed_cis() -> None:
    g = graph("web -> app -> db, shop -> web?, app-2 -> {db x}")
    assert g.fail("db").result.counts() == {State.AT_RISK: 1, State.DEGRADED: 1, State.DOWN: 2}


def test_a_depth_leaves_out_what_is_farther_away() -> None:
    impact = graph("d -> c -> b -> a").fail("a", max_depth=2)
    assert impact.states == {"a": "down", "b": "down", "c": "down"}
    assert impact.result.reached.distance.tolist() == [2, 1, 0]


def test_a_final_state_is_not_softened_by_a_depth() -> None:
    g = graph("web -> {a b}/1, a -> disk, b -> vm -> host -> disk")
    assert "web" not in g.fail("disk", max_depth=2).states
    assert g.fail("disk", max_depth=4).states["web"] == "down"


def test_of_equal_explanations_the_one_with_the_lowest_provider_then_relationship_is_told() -> None:
    g = graph("web -> b, web -> a, web -> a, b -> db, a -> db")
    assert g.fail("db").path("web") == "db > b > web"  # b was named first and has the lower id
    assert g.fail("a").result.cause_of(g.ids["web"]).relationship_id == 2


def test_an_unknown_ci_is_named_in_the_error() -> None:
    snapshot = graph("web -> db").snapshot
    for ci_id in (5, -1, 2**70):
        with pytest.raises(NotFoundError, match=str(ci_id)):
            analyse(snapshot, [ci_id])
    result = analyse(snapshot, [100])
    with pytest.raises(NotFoundError, match="not affected"):
        result.path(101)


def test_a_graph_without_cis_or_relationships_answers() -> None:
    nothing = GroupColumns.from_rows([])
    assert GraphSnapshot.build([], [], nothing, 0).size == 0
    lone = GraphSnapshot.build([7], [RelationshipColumns.from_rows([])], nothing, 0)
    assert analyse(lone, [7]).ids.tolist() == [7]
    assert analyse(lone, []).ids.tolist() == []


@pytest.mark.parametrize("walk", STRATEGIES.values(), ids=STRATEGIES.keys())
def test_relationship_ids_beyond_32_bits_are_kept(walk: Walk) -> None:
    rows = [(2**40 + 1, 1, 2, 0, -1), (2**40, 1, 2, 0, -1)]
    snapshot = GraphSnapshot.build(
        [1, 2], [RelationshipColumns.from_rows(rows)], GroupColumns.from_rows([]), 0
    )
    cause = analyse(snapshot, [2], walk=walk).cause_of(1)
    assert cause.relationship_id == 2**40


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ([], "redundancy group 5"),
        ([(5, 1, -1, -1)], "min_up"),
        ([(5, 1, 1, 50)], "min_up"),
        ([(5, 3, 1, -1)], "relationship 9 is in a redundancy group of another dependent"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(
    groups: list[tuple[int, int, int, int]], says: str
) -> None:
    row = RelationshipColumns.from_rows([(9, 1, 2, 0, 5)])
    with pytest.raises(InvalidInputError, match=says):
        GraphSnapshot.build([1, 2, 3], [row], GroupColumns.from_rows(groups), 0)


def test_a_very_long_chain_is_walked_in_time_and_without_recursion() -> None:
    n = 100_000
    none = np.full(n - 1, -1)
    chain = RelationshipColumns(
        np.arange(1, n), np.arange(2, n + 1), np.arange(1, n), np.zeros(n - 1, np.bool_), none
    )
    snapshot = GraphSnapshot.build(
        np.arange(1, n + 1), [chain], GroupColumns.from_rows([]), revision=1
    )
    result = analyse(snapshot, [1])
    assert result.counts()[State.DOWN] == n - 1
    assert len(result.path(n)) == n


def test_many_threads_may_ask_one_snapshot_at_once() -> None:
    g = graph("w1 -> {a b}/1 -> db, w2 -> a?, w3 -> w2, w4 -> {a c}/2")
    questions = [["db"], ["a"], ["b", "c"], ["w2"]] * 200
    walks = list(STRATEGIES.values())

    def ask(number: int) -> dict[str, str]:
        return g.fail(*questions[number], walk=walks[number % len(walks)]).states

    expected = [ask(number) for number in range(12)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(len(questions))))
    assert answers == [expected[number % 12] for number in range(len(questions))]


def test_the_snapshot_holds_every_edge_once() -> None:
    g = graph("web -> app -> db?, web -> {a a b}/2")
    assert len(g.snapshot.edges().position) == 4
