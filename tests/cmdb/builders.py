"""Small dependency graphs in one line, for tests that read like a sentence.

    graph("web -> app -> db?, web -> {api-1 api-2 api-3}/2")

An arrow runs from a dependent to its provider. `?` makes the dependency optional. Braces are a
redundancy group with the `min_up` after the slash, a count or a percentage (1 where it is left
out). Statements are separated by commas; an arrow after a group starts at each of its members.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.impact import ImpactResult, analyse
from cmdb.interpreted_walk import interpreted
from cmdb.propagation import Reached
from cmdb.walks import Walk, compile_walk, compiled
from tests.oracles.impact_oracle import ClaimedStep, Group, Landscape, Relationship


def _compiled(
    snapshot: GraphSnapshot, failed: list[int], degraded: list[int], patience: int
) -> Reached | None:
    compile_walk()
    walk = compiled()
    assert walk is not None, "numba does not work here"
    return walk(snapshot, failed, degraded, patience)


STRATEGIES: dict[str, Walk] = {
    "one by one": partial(interpreted, worklist_limit=sys.maxsize),
    "as arrays": partial(interpreted, worklist_limit=0),
    "mixed": partial(interpreted, worklist_limit=2),
    "compiled": _compiled,
    "default": interpreted,
}
"""Each way to walk, and the change between two of them."""


@dataclass(frozen=True)
class Graph:
    """A snapshot with names for its CIs."""

    landscape: Landscape
    snapshot: GraphSnapshot
    ids: dict[str, int]

    def fail(self, *names: str, max_depth: int | None = None, walk: Walk = interpreted) -> "Impact":
        failed = [self.ids[name] for name in names]
        return Impact(self, analyse(self.snapshot, failed, max_depth, walk=walk))

    def name(self, ci_id: int) -> str:
        return next(name for name, known in self.ids.items() if known == ci_id)


@dataclass(frozen=True)
class Impact:
    graph: Graph
    result: ImpactResult

    @property
    def states(self) -> dict[str, str]:
        """Affected CIs by name, `down`, `degraded` or `at_risk`."""
        return {
            name: self.result.state_of(ci_id).name.lower()
            for name, ci_id in self.graph.ids.items()
            if ci_id in self.graph.landscape.cis and self.result.state_of(ci_id)
        }

    def path(self, name: str) -> str:
        """Such as `db > app > web`."""
        steps = self.result.path(self.graph.ids[name])
        return " > ".join(self.graph.name(step.ci_id) for step in steps)

    def why(self, name: str) -> str:
        """The rule that raised a CI, such as `required by db` or `2 of 3 down, 2 needed`."""
        cause = self.result.cause_of(self.graph.ids[name])
        if cause.members is not None and cause.up is not None:
            return f"{cause.members - cause.up} of {cause.members} down, {cause.min_up} needed"
        if cause.provider_id is None:
            return cause.kind.value
        return f"{cause.kind.value}: {self.graph.name(cause.provider_id)}"


def graph(text: str, retired: str = "") -> Graph:
    """The graph that the text draws; CIs named in `retired` (with spaces between) are left out."""
    ids: dict[str, int] = {}
    relationships: list[Relationship] = []
    groups: list[Group] = []

    def known(name: str) -> int:
        return ids.setdefault(name, 100 + len(ids))

    for statement in text.split(","):
        dependents: list[int] = []
        for part in statement.split("->"):
            providers = _providers(part.strip(), known)
            for dependent in dependents:
                group = None
                if providers.min_up:
                    group = 900 + len(groups)
                    groups.append(_group(group, dependent, providers.min_up))
                for provider in providers.ids:
                    edge = 1 + len(relationships)
                    relationships.append(
                        Relationship(edge, dependent, provider, providers.optional, group)
                    )
            dependents = providers.ids
    present = frozenset(ids.values()) - {ids[name] for name in retired.split()}
    landscape = Landscape(present, tuple(relationships), tuple(groups))
    return Graph(landscape, snapshot_of(landscape), ids)


def snapshot_of(landscape: Landscape, chunk: int = 3, revision: int = 1) -> GraphSnapshot:
    """The engine's view of a landscape, fed in chunks of so many relationships."""
    rows = [
        (r.id, r.dependent, r.provider, int(r.optional), -1 if r.group is None else r.group)
        for r in landscape.relationships
    ]
    groups = [
        (
            g.id,
            g.dependent,
            -1 if g.count is None else g.count,
            -1 if g.percent is None else g.percent,
        )
        for g in landscape.groups
    ]
    return GraphSnapshot.build(
        sorted(landscape.cis),
        (
            RelationshipColumns.from_rows(rows[start : start + chunk])
            for start in range(0, len(rows), chunk)
        ),
        GroupColumns.from_rows(groups),
        revision,
    )


def claimed_path(result: ImpactResult, ci_id: int) -> list[ClaimedStep]:
    """A path of the engine in the words of the oracle."""
    return [
        ClaimedStep(
            step.ci_id,
            int(step.state),
            step.cause.kind.value,
            step.cause.provider_id,
            step.cause.relationship_id,
            step.cause.group_id,
            step.cause.members,
            step.cause.up,
            step.cause.min_up,
        )
        for step in result.path(ci_id)
    ]


@dataclass(frozen=True)
class _Providers:
    ids: list[int]
    optional: bool
    min_up: str


def _providers(part: str, known: Callable[[str], int]) -> _Providers:
    if group := re.fullmatch(r"\{([^}]*)\}(?:/(\d+%?))?", part):
        return _Providers([known(name) for name in group[1].split()], False, group[2] or "1")
    return _Providers([known(part.removesuffix("?"))], part.endswith("?"), "")


def _group(group: int, dependent: int, min_up: str) -> Group:
    if min_up.endswith("%"):
        return Group(group, dependent, percent=int(min_up[:-1]))
    return Group(group, dependent, count=int(min_up))
