"""Dependencies that pass through things that are left out: a → (left out) → b becomes a → b."""

from collections.abc import Iterator, Mapping, Sequence

MOST_STEPS = 2_000_000
"""Steps over one graph, so that a large or hostile one ends."""


class Bridged:
    """Walks a graph of dependencies for the nodes that are kept."""

    def __init__(self, providers: Mapping[int, Sequence[int]], kept: frozenset[int]) -> None:
        self._providers, self._kept = providers, kept
        self._steps = 0

    @property
    def stopped(self) -> bool:
        """Whether the walk was too long, and only direct dependencies were given from then on."""
        return self._steps > MOST_STEPS

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Each kept node with each kept node that it reaches through none but left-out ones."""
        for node in sorted(self._kept):
            seen = {node}
            queue = list(self._providers.get(node, ()))
            for reached in queue:
                self._steps += 1
                if reached in seen:
                    continue
                seen.add(reached)
                if reached in self._kept:
                    yield node, reached
                elif not self.stopped:
                    queue.extend(self._providers.get(reached, ()))
