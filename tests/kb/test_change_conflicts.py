"""Conflicts of changes against brute force over the independent oracle; times against minutes."""

import os
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.change_conflicts import Changes, Together, find_conflicts
from kb.change_windows import Window, intervals
from tests.cmdb.builders import Graph, graph, snapshot_of
from tests.cmdb.test_impact_properties import landscapes
from tests.oracles import impact_oracle as oracle
from tests.oracles.impact_oracle import Landscape

EXAMPLES = int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "100"))
Case = tuple[Landscape, list[int]]


def by_brute_force(
    landscape: Landscape, cis: list[frozenset[int]]
) -> dict[Changes, dict[int, int]]:
    """Every subset against all that are smaller, for every CI and every state."""

    def states(changes: Changes) -> dict[int, int]:
        return oracle.states(landscape, frozenset[int]().union(*(cis[each] for each in changes)))

    places = range(len(cis))
    every = [frozenset(s) for size in range(1, len(cis) + 1) for s in combinations(places, size)]
    known = {each: states(each) for each in every} | {frozenset(): states(frozenset())}
    found: dict[Changes, dict[int, int]] = {}
    for ci in landscape.cis:
        alone = max(known[frozenset({each})][ci] for each in places)
        for some in every:
            least = max(known[some - {each}][ci] for each in some)
            if len(some) > 1 and known[some][ci] > max(least, alone):
                found.setdefault(some, {})[ci] = known[some][ci]
    return found


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(landscapes(), st.data())
def test_the_conflicts_are_the_least_sets_that_brute_force_finds(
    case: Case, data: st.DataObject
) -> None:
    landscape, _ = case
    ci = st.sampled_from(sorted(landscape.cis))
    cis = data.draw(st.lists(st.frozensets(ci, min_size=1, max_size=2), min_size=2, max_size=5))
    together = Together(snapshot_of(landscape), cis, most=10_000)
    everything = [frozenset(range(len(cis)))]
    conflicts, whole = find_conflicts(together, everything, np.array(sorted(landscape.cis)))
    assert whole
    assert {each.changes: each.states for each in conflicts} == by_brute_force(landscape, cis)


def _conflicts(g: Graph, *changes: str) -> dict[tuple[int, ...], dict[str, str]]:
    cis = [frozenset(g.ids[name] for name in each.split()) for each in changes]
    together = Together(g.snapshot, cis, most=1_000)
    found, _ = find_conflicts(together, [frozenset(range(len(cis)))], g.snapshot.ids[:0])
    return {
        tuple(sorted(each.changes)): {g.name(ci): s.name.lower() for ci, s in each.states.items()}
        for each in found
    }


def test_two_changes_that_together_break_a_redundancy_group_conflict() -> None:
    g = graph("web -> {a b}/1")
    assert _conflicts(g, "a", "b") == {(0, 1): {"web": "down"}}
    assert _conflicts(g, "a b", "a") == {}


def test_three_are_named_where_only_three_break_it() -> None:
    g = graph("web -> {a b c}/1")
    assert _conflicts(g, "a", "b", "c") == {(0, 1, 2): {"web": "down"}}


def test_a_change_that_is_not_needed_for_it_is_not_named() -> None:
    g = graph("web -> {a b c}/1")
    assert _conflicts(g, "a", "a b", "c") == {(1, 2): {"web": "down"}}


def test_every_pair_is_named_that_breaks_it() -> None:
    g = graph("web -> {a b c}/2")
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert _conflicts(g, "a", "b", "c") == {pair: {"web": "down"} for pair in pairs}


def test_a_search_that_would_cost_too_much_says_that_it_is_not_whole() -> None:
    g = graph("web -> {" + " ".join(f"m{n}" for n in range(12)) + "}/6")
    cis = [frozenset({g.ids[f"m{n}"]}) for n in range(12)]
    together = Together(g.snapshot, cis, most=50)
    found, whole = find_conflicts(together, [frozenset(range(12))], g.snapshot.ids[:0])
    assert not whole
    assert all(len(each.changes) == 7 for each in found)


START = datetime(2026, 3, 4, 22, tzinfo=UTC)


def _window(minutes: tuple[int, int | None]) -> Window:
    start, length = minutes
    at = START + timedelta(minutes=start)
    return Window(at, None if length is None else at + timedelta(minutes=length))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 10)), max_size=6).map(
        lambda each: [_window(minutes) for minutes in each]
    )
)
def test_at_every_moment_the_interval_that_holds_it_names_the_changes_under_way(
    windows: list[Window],
) -> None:
    found = intervals(windows)
    for half_minutes in range(80):
        moment = START + timedelta(seconds=30 * half_minutes)
        under_way = {place for place, each in enumerate(windows) if each.is_under_way(moment)}
        holding = [each for each in found if each.window.is_under_way(moment)]
        assert set().union(*(each.changes for each in holding)) == under_way
        assert len([each for each in holding if each.window.start != each.window.end]) <= 1
    assert [each.window.start for each in found] == sorted(each.window.start for each in found)
