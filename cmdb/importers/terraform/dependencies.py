"""What Terraform's resources depend on, as CIs: past what is none, and each thing said once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cmdb.importers.terraform.state import Resource, block_of, index_of, module_steps

GROUP, EACH, SAME_INDEX = "group", "required", "same_index"
"""What several instances of one dependency are to their dependent."""

IsPlain = Callable[[str, str], bool]

_LOOKED_AT = 25
"""Blocks between two others through which an indirect dependency is looked for: the first will do
where all that is indirect is recorded, and what is not found stays."""


class Dependency(NamedTuple):
    """A CI and the instances of one block that it depends on."""

    dependent: Resource
    block: str
    providers: tuple[Resource, ...]
    """By address."""


class Dependencies:
    """The dependencies within one state."""

    def __init__(self, resources: Iterable[Resource], cis: set[str], instances: str) -> None:
        """`cis` are the addresses of those resources that are CIs; what lies between two of them
        is passed through. `instances` is one of GROUP, EACH and SAME_INDEX."""
        self._resources = {resource.address: resource for resource in resources}
        self._cis = cis
        self._same_index = instances == SAME_INDEX
        self._blocks: dict[str, list[Resource]] = defaultdict(list)
        for resource in self._resources.values():
            self._blocks[resource.block].append(resource)
        self._nearest_of: dict[str, list[str]] = {}
        self.unknown: Counter[str] = Counter()
        self._targets = {
            address: self._reached(self._resources[address]) for address in sorted(cis)
        }

    def direct(self, is_plain: IsPlain) -> Iterator[Dependency]:
        """Dependencies without those that follow from two others.

        Terraform records with a resource all that must be there before it, directly or not.
        `is_plain` says of two types whether failure travels from one to the other, and no more is
        said of it.
        """
        for found in self.all():
            if not self._follows(found, is_plain):
                yield found

    def all(self) -> Iterator[Dependency]:
        """Every dependency that is recorded."""
        for address, targets in self._targets.items():
            for block, providers in sorted(targets.items()):
                in_order = tuple(providers[each] for each in sorted(providers))
                yield Dependency(self._resources[address], block, in_order)

    def _reached(self, start: Resource) -> dict[str, dict[str, Resource]]:
        """The CIs that a resource depends on without another CI between them, by block."""
        targets: dict[str, dict[str, Resource]] = defaultdict(dict)
        seen, left = {start.address}, [start]
        while left:
            resource = left.pop()
            for said in resource.dependencies:
                for found in self._resolved(resource, said):
                    if found.address in seen:
                        continue
                    seen.add(found.address)
                    if found.address in self._cis:
                        targets[found.block][found.address] = found
                    else:
                        left.append(found)
        if self._same_index and (index := index_of(start.address)):
            return {block: _same(index, providers) for block, providers in targets.items()}
        return targets

    def _resolved(self, resource: Resource, said: str) -> list[Resource]:
        """The instances that a dependency names: one by its index, else those of the block; of
        several instances of a module the one that the resource is in."""
        if said in self._resources:
            return [self._resources[said]]
        block = block_of(said)
        found = self._blocks.get(block)
        if found is None and resource.module:  # so wrote Terraform 0.12
            found = self._blocks.get(f"{block_of(resource.module)}.{block}")
        if found is None:
            self.unknown[said] += 1
            return []
        steps = module_steps(resource.module)
        near = [each for each in found if _in_the_same_modules(steps, module_steps(each.module))]
        return near or found

    def _follows(self, found: Dependency, is_plain: IsPlain) -> bool:
        """Whether a dependency is that of another one, which fails whenever these providers do."""
        dependent, block, providers = found
        if not all(is_plain(dependent.type, each.type) for each in providers):
            return False
        addresses = {provider.address for provider in providers}
        targets = self._targets[dependent.address]
        return any(
            between not in (block, dependent.block)
            and self._leads_to(dependent, list(targets[between].values()), block, addresses)
            and all(is_plain(dependent.type, each.type) for each in targets[between].values())
            and all(is_plain(e.type, p.type) for e in targets[between].values() for p in providers)
            for between in self._nearest(dependent.address)
        )

    def _nearest(self, address: str) -> list[str]:
        """The blocks that a resource depends on, those first that have the most below them."""
        if address not in self._nearest_of:
            targets = self._targets[address]
            below = {
                block: len(self._targets[next(iter(instances))])
                for block, instances in targets.items()
            }
            in_order = sorted(targets, key=lambda block: (-below[block], block))
            self._nearest_of[address] = in_order[:_LOOKED_AT]
        return self._nearest_of[address]

    def _leads_to(
        self, dependent: Resource, between: list[Resource], block: str, addresses: set[str]
    ) -> bool:
        """Whether all of `between` depend on these instances of a block, and nothing goes round."""
        for each in between:
            targets = self._targets[each.address]
            if dependent.block in targets or targets.get(block, {}).keys() != addresses:
                return False
        return not any(between[0].block in self._targets[address] for address in addresses)


def _same(index: str, providers: dict[str, Resource]) -> dict[str, Resource]:
    same = {address: each for address, each in providers.items() if index_of(address) == index}
    return same or providers


def _in_the_same_modules(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> bool:
    """Whether two resources are in the same instances of the modules that they share."""
    for (name, index), (other_name, other_index) in zip(one, other, strict=False):
        if name != other_name:
            return True
        if index != other_index:
            return False
    return True
