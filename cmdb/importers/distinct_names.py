"""Names for CIs that a source tells apart by more than their names."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cmdb.importers.records import ParsedRecord
from cmdb.names import fold


class Spelling(NamedTuple):
    """A record, and what it may be called where others of its class have the same name."""

    record: ParsedRecord
    longer: tuple[str, ...]
    """Longer names, each telling more than the one before."""
    rank: int | None = None
    """Of those that share a name the one with the lowest rank keeps it; None never does."""


def tell_apart(spellings: Iterable[Spelling]) -> list[str]:
    """Give records that share name and class longer names, all of them, so that none of them is
    taken for the CI of that name. Returns the names that were shared. The order does not matter.
    """
    shared: list[str] = []
    waiting = list(spellings)
    depth = 0
    while waiting := list(_sharing(waiting)):
        shared.extend(str(each.record.fields["name"]) for each in waiting if depth == 0)
        waiting = [each for each in waiting if depth < len(each.longer)]
        for each in waiting:
            each.record.fields["name"] = each.longer[depth]
        depth += 1
    return sorted(shared)


def _sharing(spellings: Iterable[Spelling]) -> Iterator[Spelling]:
    by_name: dict[tuple[str, str], list[Spelling]] = defaultdict(list)
    for each in spellings:
        fields = each.record.fields
        by_name[fold(str(fields.get("name", ""))), str(fields["ci_class"])].append(each)
    for group in by_name.values():
        if len(group) > 1:
            ranked = [each for each in group if each.rank is not None]
            best = min(ranked, key=lambda each: each.rank or 0) if ranked else None
            sole = best is not None and sum(each.rank == best.rank for each in ranked) == 1
            yield from (each for each in group if not (sole and each is best))
