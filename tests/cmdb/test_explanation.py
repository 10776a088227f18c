"""The facts behind a state: they suffice, none is too many, and each can be checked by hand."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from cmdb.explanation import Explained, Support, explain
from cmdb.impact import analyse
from opsatlas.errors import NotFoundError
from tests.cmdb.builders import Graph, graph, snapshot_of
from tests.cmdb.test_impact_properties import landscapes
from tests.oracles import impact_oracle as oracle
from tests.oracles.impact_oracle import Group, Landscape, Relationship

EXAMPLES = int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "100"))

Fact = tuple[str, int]
"""`("failed", ci)` or `("relationship", id)`."""


def leading_to(explained: Iterable[Explained], ci_id: int) -> list[Explained]:
    """Those of the facts that one CI's state follows from, providers before dependents."""
    entries = list(explained)
    wanted = {ci_id}
    for entry in reversed(entries):
        if entry.ci_id in wanted:
            wanted.update(each.provider_id for each in entry.rests_on)
    return [entry for entry in entries if entry.ci_id in wanted]


def facts_of(entries: list[Explained]) -> list[Fact]:
    failed = [("failed", each.ci_id) for each in entries if not each.rests_on]
    edges = [("relationship", on.relationship_id) for each in entries for on in each.rests_on]
    return failed + edges


def state_from(landscape: Landscape, facts: list[Fact], ci: int) -> int:
    """What the table says of `ci` if nothing but these facts is known. Of a redundancy group its
    size and what it needs are known; members that no fact names are up."""
    numbers = {number for kind, number in facts if kind == "relationship"}
    known = [each for each in landscape.relationships if each.id in numbers]
    unknown = 10_000
    groups = []
    for group, members, min_up in landscape.groups_in_effect():
        named = {each.provider for each in known if each.group == group.id}
        if not named:
            continue
        groups.append(Group(group.id, group.dependent, count=min_up))
        for _ in range(len(members) - len(named)):
            unknown += 1
            known.append(Relationship(unknown, group.dependent, unknown, False, group.id))
    cis = landscape.cis | {each.provider for each in known}
    failed = [number for kind, number in facts if kind == "failed"]
    return oracle.states(Landscape(frozenset(cis), tuple(known), tuple(groups)), failed)[ci]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(landscapes())
def test_the_facts_alone_suffice_and_without_any_one_of_them_the_state_does_not_follow(
    case: tuple[Landscape, list[int]],
) -> None:
    landscape, failed = case
    states = oracle.states(landscape, failed)
    result = analyse(snapshot_of(landscape), failed)
    entries = explain(result, result.ids.tolist())
    assert [each.ci_id for each in entries] == list(dict.fromkeys(e.ci_id for e in entries))
    for ci in result.ids.tolist():
        facts = facts_of(leading_to(entries, ci))
        assert {number for kind, number in facts if kind == "failed"} <= set(failed)
        assert state_from(landscape, facts, ci) == states[ci]
        for fact in facts:
            rest = [each for each in facts if each != fact]
            assert state_from(landscape, rest, ci) < states[ci], (ci, fact)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(landscapes())
def test_each_step_follows_by_the_table_from_the_steps_before_it(
    case: tuple[Landscape, list[int]],
) -> None:
    landscape, failed = case
    by_id = {each.id: each for each in landscape.present()}
    sizes = {group.id: (len(members), up) for group, members, up in landscape.groups_in_effect()}
    result = analyse(snapshot_of(landscape), failed)
    told: dict[int, int] = {}
    for each in explain(result, result.ids.tolist()):
        edges = [by_id[on.relationship_id] for on in each.rests_on]
        assert all(edge.dependent == each.ci_id for edge in edges)
        assert [edge.provider for edge in edges] == [on.provider_id for on in each.rests_on]
        on = [told[edge.provider] for edge in edges]
        if each.cause.kind == "failed":
            assert (each.ci_id in failed, on) == (True, [])
            state = oracle.DOWN
        elif each.cause.kind == "required":
            (state,) = on
        elif each.cause.kind == "optional":
            assert (edges[0].optional, on) == (True, [oracle.DOWN])
            state = oracle.DEGRADED
        else:
            assert {edge.group for edge in edges} == {each.cause.group_id}
            size, min_up = sizes[each.cause.group_id or 0]
            assert len({edge.provider for edge in edges}) == len(edges)
            broken = size - sum(state == oracle.DOWN for state in on) < min_up
            assert broken or min(on) >= oracle.DEGRADED
            state = oracle.DOWN if broken else oracle.AT_RISK
        assert each.state == state
        told[each.ci_id] = int(each.state)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(landscapes())
def test_the_shortest_path_of_a_ci_is_among_its_facts(case: tuple[Landscape, list[int]]) -> None:
    landscape, failed = case
    result = analyse(snapshot_of(landscape), failed)
    for ci in result.ids.tolist():
        facts = {each.ci_id: each for each in explain(result, [ci])}
        for step in result.path(ci):
            entry = facts[step.ci_id]
            assert entry.cause == step.cause
            if step.cause.relationship_id and step.cause.provider_id:
                wanted = Support(step.cause.relationship_id, step.cause.provider_id)
                assert wanted in entry.rests_on


def _told(g: Graph, *failed: str, of: str) -> list[str]:
    result = g.fail(*failed).result
    return [
        f"{g.name(each.ci_id)}: {' '.join(g.name(on.provider_id) for on in each.rests_on) or '-'}"
        for each in explain(result, [g.ids[of]])
    ]


def test_a_broken_group_rests_on_no_more_members_than_it_takes_to_break_it() -> None:
    g = graph("checkout -> {api-1 api-2 api-3 api-4}/3, portal -> checkout")
    assert _told(g, "api-1", "api-2", "api-4", of="portal") == [
        "api-1: -",
        "api-2: -",
        "checkout: api-1 api-2",
        "portal: checkout",
    ]


def test_a_group_at_risk_rests_on_one_member() -> None:
    g = graph("checkout -> {api-1 api-2 api-3}/1")
    assert _told(g, "api-1", "api-2", of="checkout") == ["api-1: -", "checkout: api-1"]


def test_what_is_reached_in_several_ways_is_explained_in_one() -> None:
    g = graph("web -> a, web -> b, a -> db, b -> db")
    assert _told(g, "db", of="web") == ["db: -", "a: db", "web: a"]


def test_a_common_provider_of_all_members_is_told_once() -> None:
    g = graph("checkout -> {api-1 api-2}/1 -> host")
    assert _told(g, "host", of="checkout") == [
        "host: -",
        "api-1: host",
        "api-2: host",
        "checkout: api-1 api-2",
    ]


def test_a_long_chain_is_explained_without_recursion() -> None:
    g = graph(" -> ".join(f"c{n}" for n in range(3000)))
    assert len(_told(g, "c2999", of="c0")) == 3000


def test_what_is_not_affected_has_no_explanation() -> None:
    g = graph("web -> db, shop -> db-2")
    with pytest.raises(NotFoundError):
        explain(g.fail("db").result, [g.ids["shop"]])


DOC = (Path(__file__).parents[2] / "docs" / "impact.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("drawn", "failed", "facts"),
    re.findall(r"^\| `([^`]*->[^`]*)` \| ([\w ]+) \| (`[^|]*: -`.*) \|$", DOC, re.MULTILINE),
)
def test_the_examples_in_the_documentation_are_true(drawn: str, failed: str, facts: str) -> None:
    expected = re.findall(r"`([^`]*)`", facts)
    of = expected[-1].split(":")[0]
    assert _told(graph(drawn), *failed.split(), of=of) == expected
