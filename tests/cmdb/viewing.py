"""Views of small graphs with names of any kind, without a database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cmdb.graph import GraphSnapshot
from cmdb.impact_inventory import Named
from cmdb.kept_names import KeptCI
from cmdb.references import CIReference
from cmdb.snapshots import DependencyGraph
from cmdb.view import ViewQuestion, view_of
from cmdb.view_schemas import View
from tests.cmdb.builders import Graph


@dataclass(frozen=True)
class Drawn:
    """An inventory of a graph alone; a CI without a name or class gets one by its id."""

    snapshot: GraphSnapshot
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Mapping[int, str] = field(default_factory=dict)
    at: None = None

    @property
    def graph(self) -> DependencyGraph:
        return DependencyGraph(self.snapshot, np.zeros(0, np.int64), self.snapshot.revision)

    def resolve(self, references: Sequence[CIReference]) -> list[int]:
        raise NotImplementedError

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        return {
            each: KeptCI(
                each,
                self.names.get(each, f"ci-{each}"),
                self.classes.get(each, "server"),
                each % 4 + 1,
                None,
                None,
            )
            for each in ids
        }

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        return dict.fromkeys(ids, "depends_on")

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        return {each: self.names.get(each, f"group-{each}") for each in ids}


def view(
    drawn: Graph, name: str, classes: Mapping[str, str] | None = None, **question: Any
) -> View:
    """A view of a graph that `builders.graph` drew; `classes` by the beginning of a name."""
    of_ci = {
        ci_id: found
        for known, ci_id in drawn.ids.items()
        for start, found in (classes or {}).items()
        if known.startswith(start)
    }
    names = {ci_id: known for known, ci_id in drawn.ids.items()}
    inventory = Drawn(drawn.snapshot, names, of_ci)
    return view_of(inventory, None, ViewQuestion(drawn.ids[name], **question), 100_000)
