"""Redundancy groups that a foreign source only partly lists: no more is needed than is there."""

from collections import defaultdict
from collections.abc import Iterable

from cmdb.importers.records import ParsedRecord


def within_sizes(relationships: Iterable[ParsedRecord]) -> list[ParsedRecord]:
    """The relationships; a count that must be up is at most the number of the group's providers."""
    given = list(relationships)
    providers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in given:
        providers[_group(each)].add(str(each.fields["provider"]))
    for each in given:
        wanted = str(each.fields.get("min_up", ""))
        if wanted.isascii() and wanted.isdigit():
            each.fields["min_up"] = min(int(wanted[:9]), len(providers[_group(each)]))
    return given


def _group(each: ParsedRecord) -> tuple[str, str]:
    return str(each.fields["dependent"]), str(each.fields.get("redundancy_group"))
