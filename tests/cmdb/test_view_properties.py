"""Views against an oracle, and every format read back, on random graphs with any names."""

from __future__ import annotations

import html
import io
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import networkx as nx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.view import ViewQuestion, view_of
from cmdb.view_drawings import dot, graphml, mermaid
from cmdb.view_schemas import PlaceId, View
from cmdb.view_tree import tree
from cmdb.view_walk import Direction, walk
from cmdb.view_words import drawable, edge_words, fold_words, key_of
from tests.cmdb.builders import snapshot_of
from tests.cmdb.test_graph_deltas import followed
from tests.cmdb.test_impact_properties import landscapes
from tests.cmdb.viewing import Drawn
from tests.oracles.impact_oracle import Landscape
from tests.oracles.view_oracle import distances, edges_of

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
nasty = st.text(max_size=20) | st.sampled_from(
    ['"', "\\", '\\"', "a\nb", "]]>", "<b>&amp;", "#quot;", "style:x", "`md`", "end", "%%", "\r"]
)


@st.composite
def views(draw: st.DrawFn) -> tuple[View, Landscape]:
    landscape, _ = draw(landscapes())
    ids = sorted(landscape.cis)
    groups = [each.id for each in landscape.groups]
    names = {each: draw(nasty) for each in [*ids, *groups]}
    classes = {each: draw(st.sampled_from(["server", "rack", "a_b"])) for each in ids}
    question = ViewQuestion(
        draw(st.sampled_from(ids)),
        draw(st.sampled_from(["providers", "dependents"])),
        draw(st.none() | st.integers(0, 3)),
        draw(st.integers(0, 3)),
        draw(st.integers(1, 12)),
    )
    found = view_of(Drawn(snapshot_of(landscape), names, classes), None, question, 100)
    return found, landscape


@quick
@given(landscapes(), st.data())
def test_a_walk_is_that_of_the_oracle_also_after_changes(
    case: tuple[Landscape, list[int]], data: st.DataObject
) -> None:
    landscape, (start, *_) = case
    direction: Direction = data.draw(st.sampled_from(["providers", "dependents"]))
    depth, most = data.draw(st.none() | st.integers(0, 3)), data.draw(st.integers(1, 13))
    before = replace(landscape, relationships=landscape.relationships[::2])
    snapshot = followed(snapshot_of(before), before, landscape, frozenset())
    found = walk(snapshot, snapshot.index_of(start), direction, depth, most)
    expected, truncated = distances(
        landscape, start, providers=direction == "providers", depth=depth, most=most
    )
    ids = snapshot.ids[found.index].tolist()
    assert dict(zip(ids, found.distance.tolist(), strict=True)) == expected
    assert found.truncated == truncated
    ends = edges_of(landscape)
    inside = {each for each, (a, b) in ends.items() if a in expected and b in expected}
    told = {}
    for position, near, far in zip(
        found.position.tolist(), found.near.tolist(), found.far.tolist(), strict=True
    ):
        a, b = (near, far) if direction == "providers" else (far, near)
        told[int(snapshot.relationship[position])] = (ids[a], ids[b])
    assert told == {each: ends[each] for each in inside}
    near_end = 0 if direction == "providers" else 1
    on = Counter(end[near_end] for each, end in ends.items() if each not in inside)
    assert found.beyond.tolist() == [on[each] for each in ids]
    for row, parent in enumerate(found.parent.tolist()[1:], 1):
        pair = (ids[parent], ids[row]) if direction == "providers" else (ids[row], ids[parent])
        assert pair in ends.values()
        assert found.distance[parent] == found.distance[row] - 1


@quick
@given(views())
def test_everything_is_shown_or_in_one_fold(case: tuple[View, Landscape]) -> None:
    found, landscape = case
    by_class = Counter(node.ci_class for node in found.nodes)
    for each in found.folded:
        by_class[each.ci_class] += each.count
    assert dict(by_class) == found.counts.by_class
    places: set[PlaceId] = {node.id for node in found.nodes} | {each.id for each in found.folded}
    above = {node.below for node in found.nodes} | {each.below for each in found.folded}
    assert above <= places | {None}
    assert {end for edge in found.edges for end in (edge.dependent, edge.provider)} <= places
    said = {each.id: each for each in landscape.relationships}
    for edge in found.edges:
        if edge.relationship_id is not None:
            of = said[edge.relationship_id]
            assert (of.dependent, of.provider) == (edge.dependent, edge.provider)
            kind = "required" if not of.optional else "optional"
            assert edge.kind == ("redundancy" if of.group is not None else kind)
            assert (edge.min_up is None) == (of.group is None)
    if not found.folded:
        assert len(found.edges) == found.counts.relationships


@quick
@given(views())
def test_a_tree_tells_each_ci_and_fold_and_opens_none_twice(case: tuple[View, Landscape]) -> None:
    found, _ = case
    text = list(tree(found))
    told = text[: text.index("\n")]
    assert all("\n" not in line[:-1] and line[:-1].isprintable() for line in told)
    into = Counter(
        edge.provider if found.direction == "providers" else edge.dependent
        for edge in found.edges
        if isinstance(edge.provider, int) and isinstance(edge.dependent, int)
    )
    groups = sum(": " in line and "group " in line and "×" not in line for line in told)
    assert len(told) >= 1 + sum(into.values()) + len(found.folded)
    assert len(told) <= 1 + sum(into.values()) + len(found.folded) + len(found.edges) + groups


@quick
@given(views())
def test_graphml_comes_back_as_the_same_graph(case: tuple[View, Landscape]) -> None:
    found, _ = case
    text = "".join(graphml(found)).encode("utf-8")
    read = nx.read_graphml(io.BytesIO(text), force_multigraph=True)
    assert dict(read.nodes(data="name")) == {
        key_of(node.id): drawable(node.name) for node in found.nodes
    } | {key_of(each.id): fold_words(each) for each in found.folded}
    expected = Counter(
        (key_of(e.dependent), key_of(e.provider), e.kind, e.count, e.min_up,
         None if e.group is None else drawable(e.group))
        for e in found.edges
    )  # fmt: skip
    assert expected == Counter(
        (a, b, d["kind"], d["count"], d.get("min_up"), d.get("group"))
        for a, b, d in read.edges(data=True)
    )


@quick
@given(views())
def test_dot_comes_back_as_the_same_graph(case: tuple[View, Landscape]) -> None:
    found, _ = case
    string = r'"((?:[^"\\\n]|\\.)*)"'
    nodes: dict[str, str] = {}
    edges: Counter[Any] = Counter()
    first, *middle, last = "".join(dot(found)).splitlines()
    assert (first, last) == ("digraph view {", "}")
    for line in middle[2:]:
        label = rf"\[label={string}(?:, \w+=(?:\w+|\"#\w+\"))*\];"
        if edge := re.fullmatch(rf"  (\w+) -> (\w+) {label}", line):
            edges[edge[1], edge[2], undotted(edge[3])] += 1
        else:
            node = re.fullmatch(rf"  (\w+) {label}", line)
            assert node, line
            nodes[node[1]] = undotted(node[2])
    compare(found, nodes, edges, "\n")


@quick
@given(views())
def test_mermaid_comes_back_as_the_same_graph(case: tuple[View, Landscape]) -> None:
    found, _ = case
    label = r'"([^"\n\[\]{}<>|;#:`%&]|#\d+;|<br>)*"'
    nodes: dict[str, str] = {}
    edges: Counter[Any] = Counter()
    first, *rest = "".join(mermaid(found)).splitlines()
    assert first == "flowchart LR"
    for line in rest:
        if edge := re.fullmatch(rf"  (\w+) (?:-->|-\.->)(?:\|({label})\|)? (\w+)", line):
            edges[edge[1], edge[4], unmermaid((edge[2] or '""')[1:-1])] += 1
        else:
            node = re.fullmatch(rf"  (\w+)(\[\[?)({label})\]\]?", line)
            assert node, line
            nodes[node[1]] = unmermaid(node[3][1:-1])
    compare(found, nodes, edges, "\n")


def compare(found: View, nodes: dict[str, str], edges: Counter[Any], line_break: str) -> None:
    shown = {key_of(node.id) for node in found.nodes}
    assert set(nodes) == shown | {key_of(each.id) for each in found.folded}
    for node in found.nodes:
        assert nodes[key_of(node.id)].startswith(one_break(node.name) + line_break)
    for each in found.folded:
        assert nodes[key_of(each.id)] == fold_words(each)
    assert edges == Counter(
        (key_of(e.dependent), key_of(e.provider), one_break(edge_words(e))) for e in found.edges
    )


def one_break(text: str) -> str:
    return drawable(text).replace("\r\n", "\n").replace("\r", "\n")


def undotted(text: str) -> str:
    plain = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)
    return html.unescape(plain)


def unmermaid(text: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text.replace("<br>", "\n"))
