"""A view as a tree of text. Each CI stands where the way to it is shortest, and opens out there
alone; wherever else it is needed, its line says whether that place is above or below."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cmdb.view_schemas import PlaceId, View, ViewEdge, ViewFold, ViewNode
from cmdb.view_words import counts_words, fold_words, need_words, words

_DRAWN = 30
"""Levels whose lines are drawn to the left; deeper ones say how deep they are."""
_CLASSES = 4
"""Classes that the last line counts."""


@dataclass(frozen=True, slots=True)
class _CI:
    """A relationship to a CI that is shown."""

    edge: ViewEdge
    node: ViewNode
    above: PlaceId


@dataclass(frozen=True, slots=True)
class _Fold:
    """A fold, and the relationships to it from what it is beneath."""

    fold: ViewFold
    edges: Sequence[ViewEdge]


@dataclass(frozen=True, slots=True)
class _Group:
    """A redundancy group with its members."""

    members: Sequence[_CI | _Fold]
    edge: ViewEdge


_Branch = _CI | _Fold | _Group


def tree(view: View) -> Iterator[str]:
    """The lines, each with its line feed."""
    told = _Tree(view)
    yield f"{told.label(view.nodes[0], ())}\n"
    waiting = _hung(told.beneath(view.ci.id), "", 1)
    while waiting:
        branch, left, depth, is_last = waiting.pop()
        drawn = left if depth <= _DRAWN else f"{depth}: "
        opened, text = told.opened(branch)
        yield f"{drawn}{'└─ ' if is_last else '├─ '}{text}\n"
        waiting += _hung(opened, left + ("   " if is_last else "│  "), depth + 1)
    yield "\n"
    counts = view.counts
    classes = list(counts.by_class.items())
    named = ", ".join(f"{count:,} × {words(name)}" for name, count in classes[:_CLASSES])
    more = f" and {len(classes) - _CLASSES} more classes" if len(classes) > _CLASSES else ""
    yield f"{counts.configuration_items:,} CIs: {_one_line(named)}{more}\n"
    if counts.by_state:
        yield f"right now {counts_words(counts.by_state)}\n"
    if view.truncated:
        yield "There is more: only the nearest are here (max_nodes).\n"


def _hung(
    branches: Sequence[_Branch], left: str, depth: int
) -> list[tuple[_Branch, str, int, bool]]:
    """Branches side by side, the last one first, as a stack takes them."""
    if depth > _DRAWN:
        left = ""
    return [(each, left, depth, number == 0) for number, each in enumerate(reversed(branches))]


class _Tree:
    def __init__(self, view: View) -> None:
        self._of_providers = view.direction == "providers"
        self._nodes = {node.id: node for node in view.nodes}
        self._folds: dict[PlaceId, list[ViewFold]] = defaultdict(list)
        for fold in view.folded:
            self._folds[fold.below].append(fold)
        self._edges: dict[PlaceId, list[ViewEdge]] = defaultdict(list)
        for edge in view.edges:
            self._edges[edge.dependent if self._of_providers else edge.provider].append(edge)
        below = {fold.id: fold.below for fold in view.folded}
        self._elsewhere: Counter[PlaceId] = Counter()
        """By CI: relationships to what is folded under something else."""
        for place, edges in self._edges.items():
            for edge in edges:
                end = self._far(edge)
                if end in below and below[end] != place:
                    self._elsewhere[place] += edge.count
        self._open: set[PlaceId] = {view.ci.id}

    def opened(self, branch: _Branch) -> tuple[Sequence[_Branch], str]:
        """What hangs beneath a branch that is told now, and its own line."""
        if isinstance(branch, _Group):
            return branch.members, f"group {_group_words(branch.edge)}"
        if isinstance(branch, _Fold):
            marks = [self._of_edge(each) for each in branch.edges]
            return self.beneath(branch.fold.id), _joined(fold_words(branch.fold), marks)
        node, marks = branch.node, [self._of_edge(branch.edge)]
        below: Sequence[_Branch] = ()
        if node.below == branch.above and node.id not in self._open:
            self._open.add(node.id)
            below = self.beneath(node.id)
        elif self._edges[node.id]:
            marks.append("see above" if node.id in self._open else "see below")
        return below, self.label(node, marks)

    def label(self, node: ViewNode, marks: Sequence[str]) -> str:
        """A CI on a line of its own."""
        state = words(node.state) if node.state and node.state != "operational" else ""
        beyond = f"{node.beyond:,} more" if node.beyond else ""
        elsewhere = self._elsewhere[node.id]
        folded = f"{elsewhere:,} to what is folded" if elsewhere else ""
        text = f"{node.name} ({words(node.ci_class)})"
        return _joined(_one_line(text), [marks[0] if marks else "", state, beyond, folded,
                                         *marks[1:]])  # fmt: skip

    def beneath(self, place: PlaceId) -> list[_Branch]:
        """What hangs beneath a place, by name; folds last."""
        found: list[_Branch] = []
        groups: dict[str, list[_CI | _Fold]] = defaultdict(list)
        edges: dict[str, ViewEdge] = {}
        for member, edge in self._members(place):
            if edge is not None and edge.group is not None and self._of_providers:
                # The line of the group says it all.
                told = _Fold(member.fold, ()) if isinstance(member, _Fold) else member
                groups[edge.group].append(told)
                edges[edge.group] = edge
            else:
                found.append(member)
        found += [_Group(members, edges[name]) for name, members in groups.items()]
        return sorted(found, key=_by_name)

    def _members(self, place: PlaceId) -> Iterator[tuple[_CI | _Fold, ViewEdge | None]]:
        """What is beneath a place, each with the one relationship that leads to it, if it is one.

        Of a fold only what comes from a CI is told: behind other folds it says nothing.
        """
        to_folds: dict[PlaceId, list[ViewEdge]] = defaultdict(list)
        for edge in self._edges[place] if isinstance(place, int) else ():
            end = self._far(edge)
            if isinstance(end, int):
                yield _CI(edge, self._nodes[end], place), edge
            else:
                to_folds[end].append(edge)
        for fold in self._folds[place]:
            edges = to_folds[fold.id] if fold.kind == "children" else []
            yield _Fold(fold, edges), edges[0] if len(edges) == 1 else None

    def _far(self, edge: ViewEdge) -> PlaceId:
        return edge.provider if self._of_providers else edge.dependent

    def _of_edge(self, edge: ViewEdge) -> str:
        """What a line says of the relationship that leads to it."""
        parts = [edge.type] if edge.type else []
        if edge.kind == "optional":
            parts.append("optional" if edge.count == 1 else f"{edge.count:,} optional")
        elif edge.group is not None and not self._of_providers:
            parts.append(f"group {edge.group} needs {edge.min_up} of {edge.members}")
        elif edge.group is not None and edge.count > 1:
            parts.append(f"{edge.count:,} in group {_group_words(edge)}")
        return _one_line(", ".join(parts))


def _by_name(branch: _Branch) -> tuple[int, str, int]:
    if isinstance(branch, _Fold):
        return 2, "", -branch.fold.count
    if isinstance(branch, _Group):
        return 1, (branch.edge.group or "").casefold(), 0
    return 0, branch.node.name.casefold(), branch.node.id


def _group_words(edge: ViewEdge) -> str:
    return f"{_one_line(edge.group or '')}: {need_words(edge)}"


def _joined(text: str, marks: Sequence[str]) -> str:
    return " · ".join([text, *(mark for mark in marks if mark)])


def _one_line(text: str) -> str:
    """The text as it may stand on a line: line breaks and escape sequences are told, not sent."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "replace").decode("ascii")
        for char in text
    )
