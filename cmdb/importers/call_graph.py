"""Who calls whom, as tracing systems count it: services and the calls between them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping
from cmdb.importers.named import named
from cmdb.importers.protocol import Item
from cmdb.importers.records import Kind, KindSeen, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

CALLS = "calls"
"""The name under which a mapping says what a call becomes."""
_MOST, _MOST_DIGITS = 2**63 - 1, 18

Link = tuple[str, str]
"""The calling service and the one that it calls."""


class Links(NamedTuple):
    """The links of one file, and the place of their list."""

    where: Where
    entries: list[Any]


def is_link(entry: Any) -> bool:
    """Whether this is a link between two services."""
    return isinstance(entry, dict) and {"parent", "child"} <= entry.keys()


def records(files: Sequence[Links], mapping: Mapping) -> Iterator[Item]:
    """Services and their calls; the same link in several files (several days) is added up."""
    if not files:
        return
    graph = _Graph()
    for links in files:
        for position, entry in enumerate(links.entries):
            where = links.where._replace(pointer=f"{links.where.pointer}/{position}")
            yield from graph.add(entry, where)
    yield KindSeen(Kind.CI)
    yield KindSeen(Kind.RELATIONSHIP)
    yield from graph.records(MappedRecords(mapping), Where(files[0].where.file))


@dataclass
class _Graph:
    calls: Counter[Link] = field(default_factory=Counter)
    errors: Counter[Link] = field(default_factory=Counter)
    places: dict[Link, Where] = field(default_factory=dict)
    nameless: int = 0
    counts_errors: bool = False

    def add(self, entry: Any, where: Where) -> Iterator[Problem]:
        """Take in one link."""
        if not is_link(entry):
            yield problem(
                "unexpected_shape",
                "a link must be an object with `parent` and `child`",
                where=where,
                kind=Kind.RELATIONSHIP,
                value=entry,
            )
            return
        caller, called = named(entry["parent"]), named(entry["child"])
        if caller is None or called is None:
            self.nameless += 1
            return
        link = caller, called
        self.places[link] = min(where, self.places.get(link, where), key=_order)
        self.counts_errors = self.counts_errors or "errorCount" in entry
        for counter, column in ((self.calls, "callCount"), (self.errors, "errorCount")):
            count = _count(entry.get(column))
            if count is not None:
                counter[link] = min(counter[link] + count, _MOST)
                continue
            yield problem(
                "invalid_count",
                f"{column} is not a count; the link is kept, its count is not",
                where=where,
                severity=Severity.WARNING,
                column=column,
                value=entry.get(column),
            )

    def records(self, mapped: MappedRecords, file: Where) -> Iterator[Item]:
        """The services, what they call, and warnings about what was left out."""
        least = _least(mapped.mapping)
        kept = [
            link for link in sorted(self.places) if link[0] == link[1] or self.calls[link] >= least
        ]
        links = [link for link in kept if link[0] != link[1]]
        totals = self._totals(links)
        places: dict[str, Where] = {}
        for link in kept:
            for name in link:
                places[name] = min(
                    self.places[link], places.get(name, self.places[link]), key=_order
                )
        shown: set[str] = set()
        for name, where in places.items():
            said = {total: min(found[name], _MOST) for total, found in totals.items()}
            ci = mapped.ci(where, name, name, {"name": name, **said})
            if ci is not None:
                shown.add(name)
                yield ci
        dependency = mapped.mapping.option("dependency").strip() or None
        for caller, called in links:
            if caller in shown and called in shown:
                relationship = mapped.relationship(
                    self.places[caller, called], CALLS, caller, called, dependency=dependency
                )
                if relationship is not None:
                    yield relationship
        yield from mapped.warnings(file.file)
        rare = len(self.places) - len(kept)
        yield from _left_out(
            file,
            {
                "unnamed_service": (self.nameless, "links of services without a name", None),
                "self_calls": (len(kept) - len(links), "calls of a service to itself", None),
                "rare_calls": (rare, f"links with fewer than {least} calls", "[options] min_calls"),
                "ignored_services": (
                    len(places) - len(shown),
                    "services with their calls",
                    "[ignore] classes",
                ),
            },
        )

    def _totals(self, links: list[Link]) -> dict[str, Counter[str]]:
        totals = {"calls_out": _by_side(self.calls, links, 0)}
        totals["calls_in"] = _by_side(self.calls, links, 1)
        if self.counts_errors:
            totals["errors_out"] = _by_side(self.errors, links, 0)
            totals["errors_in"] = _by_side(self.errors, links, 1)
        return totals


def _by_side(counts: Counter[Link], links: list[Link], side: int) -> Counter[str]:
    total: Counter[str] = Counter()
    for link in links:
        total[link[side]] += counts[link]
    return total


def _count(said: Any) -> int | None:
    """A count; 0 where nothing is said, None where it is none."""
    if said is None or said == "":
        return 0
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else None


def _least(mapping: Mapping) -> int:
    said = mapping.option("min_calls").strip()
    return min(int(said[:_MOST_DIGITS]), _MOST) if said.isdecimal() else 0


def _order(where: Where) -> tuple[str, int, str]:
    """The order of places: `/10` comes after `/9`."""
    pointer = where.pointer or ""
    return where.file, len(pointer), pointer


def _left_out(where: Where, counts: dict[str, tuple[int, str, str | None]]) -> Iterator[Problem]:
    for code, (count, what, setting) in counts.items():
        if count:
            yield problem(
                code,
                f"left out: {what}: {count:,}",
                where=where,
                severity=Severity.WARNING,
                hint=f"the mapping says so: {setting}" if setting else None,
            )
