"""CIs that are probably one thing: proposed with reasons, never merged by themselves.

Not every pair is compared: only those that share a block, a key such as a serial number or the
words of a name. Large blocks say little and cost much, so they are left out, and the number of
comparisons is bounded; the smallest blocks come first.
"""

import threading
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.identification import shipped_kinds
from cmdb.identifiers import HOST, family, identifiers
from cmdb.kept_apart import Pair, pairs_kept_apart
from cmdb.likeness import IP, SHORT, Likeness, Traits, compare, read_name
from cmdb.live_reports import CI_STATE
from cmdb.merge_schemas import DuplicatePair, LikelyDuplicate
from cmdb.models import ConfigurationItem, ExternalKey, LifecycleStatus, Relationship
from cmdb.names import fold
from cmdb.precedence import class_roots
from opsatlas import revision

_LARGEST_BLOCK = 40
_MOST_COMPARED = 150_000

Block = tuple[Hashable, ...]


class Duplicate(NamedTuple):
    """Two CIs that are probably one."""

    cis: Pair
    likeness: Likeness


class DuplicateCache:
    """The pairs at the newest revision: looking for them in a large inventory takes seconds, and a
    person reads page after page."""

    def __init__(self) -> None:
        self._found: tuple[int, list[Duplicate]] | None = None
        self._search = threading.Lock()

    def current(self, session: Session) -> list[Duplicate]:
        """All pairs of living CIs that are probably one thing, the surest first; without those
        that somebody keeps apart, and those of which one needs the other."""
        apart = pairs_kept_apart(session)
        return [each for each in self._pairs(session) if each.cis not in apart]

    def _pairs(self, session: Session) -> list[Duplicate]:
        newest = revision.newest(session)
        with self._search:
            if self._found is not None and revision.changed_only(
                session, self._found[0], (CI_STATE,)
            ):
                pairs = self._found[1]
            else:
                pairs = find_duplicates(session)
            self._found = newest, pairs
            return pairs


def find_duplicates(session: Session) -> list[Duplicate]:
    """All pairs that are probably one thing, but those of which one needs the other."""
    found = propose(_traits(session))
    related = _related(session, {ci_id for each in found for ci_id in each.cis})
    return [each for each in found if each.cis not in related]


def described(session: Session, pairs: Sequence[Duplicate]) -> list[DuplicatePair]:
    """Pairs as they go out, with names and sources."""
    ids = {ci_id for each in pairs for ci_id in each.cis}
    sources: dict[int, set[str]] = defaultdict(set)
    rows = {}
    for some in chunks(ids):
        for row in session.execute(
            select(
                ConfigurationItem.id,
                ConfigurationItem.name,
                ConfigurationItem.ci_class,
                ConfigurationItem.environment,
            ).where(ConfigurationItem.id.in_(some))
        ):
            rows[row.id] = row
        for ci_id, source in session.execute(
            select(ExternalKey.ci_id, ExternalKey.source).where(ExternalKey.ci_id.in_(some))
        ):
            sources[ci_id].add(source)

    def ci(ci_id: int) -> LikelyDuplicate:
        row = rows[ci_id]
        return LikelyDuplicate(
            id=row.id,
            name=row.name,
            ci_class=row.ci_class,
            environment=row.environment,
            sources=sorted(sources[ci_id]),
        )

    return [
        DuplicatePair(
            score=each.likeness.score,
            cis=[ci(ci_id) for ci_id in each.cis],
            reasons=list(each.likeness.reasons),
            doubts=list(each.likeness.doubts),
        )
        for each in pairs
    ]


def propose(cis: Iterable[Traits]) -> list[Duplicate]:
    """The pairs that are probably one thing, the surest first, then by id."""
    by_id = {ci.id: ci for ci in cis}
    blocks: dict[Block, list[int]] = defaultdict(list)
    for ci in by_id.values():
        for block in _blocks(ci):
            blocks[block].append(ci.id)
    small = (ids for ids in blocks.values() if 1 < len(ids) <= _LARGEST_BLOCK)
    seen: set[Pair] = set()
    found: list[Duplicate] = []
    for ids in sorted(small, key=len):
        for one, other in combinations(sorted(set(ids)), 2):
            if (one, other) in seen:
                continue
            if len(seen) == _MOST_COMPARED:
                return _sorted(found)
            seen.add((one, other))
            likeness = compare(by_id[one], by_id[other])
            if likeness is not None:
                found.append(Duplicate((one, other), likeness))
    return _sorted(found)


def _sorted(found: list[Duplicate]) -> list[Duplicate]:
    return sorted(found, key=lambda each: (-each.likeness.score, each.cis))


def _blocks(ci: Traits) -> Iterator[Block]:
    """The keys by which a CI meets those that it may be.

    A slip is in one word, at its beginning or its end but not at both: so names meet that are the
    same but for one word of which two letters at an end agree.
    """
    for kind, values in ci.identifiers.items():
        for value in values:
            yield ci.family, kind, value
    bare = ci.name.bare
    yield ci.family, "name", ci.name.compact
    yield ci.family, "words", bare
    for place, word in enumerate(bare):
        if len(word) > SHORT and not word.isdigit():
            rest = bare[:place] + bare[place + 1 :]
            yield ci.family, "begins", rest, word[:2]
            yield ci.family, "ends", rest, word[-2:]


def _traits(session: Session) -> Iterator[Traits]:
    roots = class_roots(session)
    sources: dict[int, frozenset[str]] = {}
    for ci_id, source in session.execute(
        select(ExternalKey.ci_id, ExternalKey.source).where(ExternalKey.missing_run.is_(None))
    ):
        sources[ci_id] = sources.get(ci_id, frozenset()) | {source}
    rows = session.execute(
        select(
            ConfigurationItem.id,
            ConfigurationItem.name,
            ConfigurationItem.ci_class,
            ConfigurationItem.environment,
            ConfigurationItem.owner,
            ConfigurationItem.ip_address,
            ConfigurationItem.fqdn,
            ConfigurationItem.serial_number,
            ConfigurationItem.attributes,
        ).where(ConfigurationItem.status != LifecycleStatus.RETIRED),
        execution_options={"yield_per": 10_000},
    )
    for ci_id, name, ci_class, environment, owner, ip, fqdn, serial, attributes in rows:
        root = roots.get(ci_class, ci_class)
        known: dict[str, set[str]] = defaultdict(set)
        fields = {"fqdn": fqdn, "serial_number": serial}
        kinds = (kind for kind in shipped_kinds(root) if kind != HOST)
        for kind, value in identifiers(kinds, name, fields, attributes):
            known[kind].add(value)
        if ip:
            known[IP].add(ip)
        yield Traits(
            ci_id,
            read_name(fold(name)),
            family(root),
            environment,
            owner,
            {kind: frozenset(values) for kind, values in known.items()},
            sources.get(ci_id, frozenset()),
        )


def _related(session: Session, ids: Collection[int]) -> set[Pair]:
    """Pairs of these CIs of which one needs the other: what needs another thing is not that."""
    found: set[Pair] = set()
    for some in chunks(ids):
        rows = session.execute(
            select(Relationship.dependent_id, Relationship.provider_id).where(
                Relationship.dependent_id.in_(some)
            )
        )
        found |= {(min(row), max(row)) for row in rows if row[1] in ids}
    return found
