"""Paths and reasons in names: what the steps of several answers rest on, asked for once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from cmdb.impact import Cause, Step
from cmdb.impact_findings import STATE_NAMES
from cmdb.impact_inventory import Named
from cmdb.impact_schemas import Because, CIName, PathStep


class Naming(Protocol):
    """What knows the names of CIs, relationship types and redundancy groups."""

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]: ...
    def types(self, ids: Collection[Any]) -> dict[int, str]: ...
    def group_names(self, ids: Collection[Any]) -> dict[int, str]: ...


class Names:
    """The names behind these causes and CIs."""

    def __init__(self, naming: Naming, ci_ids: Iterable[int], causes: Iterable[Cause]) -> None:
        found = list(causes)
        self.cis = naming.named(set(ci_ids))
        self.types = naming.types({each.relationship_id for each in found} - {None})
        self.groups = naming.group_names({each.group_id for each in found} - {None})

    def ci(self, ci_id: int) -> CIName:
        """Who it is."""
        row = self.cis[ci_id]
        return CIName(id=row.id, name=row.name, ci_class=row.ci_class)

    def because(self, cause: Cause) -> Because:
        """The rule behind a state, in words and numbers that a reader can check."""
        return Because(
            kind=cause.kind.value,
            provider=cause.provider_id,
            relationship_type=self.types.get(cause.relationship_id or 0),
            group=self.groups.get(cause.group_id or 0),
            members=cause.members,
            up=cause.up,
            min_up=cause.min_up,
        )

    def path(self, steps: Sequence[Step]) -> list[PathStep]:
        """A path in names."""
        return [
            PathStep(
                **self.ci(step.ci_id).model_dump(),
                state=STATE_NAMES[step.state],
                because=self.because(step.cause),
            )
            for step in steps
        ]


def names_of_paths(naming: Naming, paths: Iterable[Sequence[Step]], more: Iterable[int]) -> Names:
    """The names behind these paths, and of some CIs more."""
    steps = [step for path in paths for step in path]
    return Names(naming, [*(step.ci_id for step in steps), *more], [step.cause for step in steps])
