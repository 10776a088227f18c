"""Identification: which CI is this record? Pure: over values that were read before."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from cmdb.importers.records import Kind, Where
from cmdb.incoming import CI_CLASS, STATUS, IncomingCI
from cmdb.models import LifecycleStatus
from cmdb.names import fold
from cmdb.plan import Current, Rules
from cmdb.problems import Problems, problem
from cmdb.schemas import Problem, Severity

_LISTED = 5


@dataclass(slots=True)
class Identified:
    """The good records of a load, each with its CI, and what was turned away."""

    existing: list[tuple[IncomingCI, int]] = field(default_factory=list)
    new: list[IncomingCI] = field(default_factory=list)
    """The CI of the first is -1, of the second -2, …"""
    new_keys: dict[int, str] = field(default_factory=dict)
    """By CI: the key under which the source knows a CI that was there already."""
    rejected: int = 0
    rejected_names: set[str] = field(default_factory=set)
    """Keys and folded names of what was rejected."""

    def reject(self, ci: IncomingCI) -> None:
        self.rejected += 1
        self.rejected_names |= {ci.key, ci.folded_name}

    def pairs(self) -> Iterable[tuple[IncomingCI, int]]:
        """Every good record with its CI."""
        yield from self.existing
        yield from ((ci, -position) for position, ci in enumerate(self.new, start=1))


def identify(
    current: Current, incoming: Iterable[IncomingCI], rules: Rules, problems: Problems
) -> Identified:
    """Find the CI of every record: by its key, else by its name and class.

    What fits several CIs is a problem, not a guess. The order of the records does not matter.
    """
    found = Identified()
    classified = _with_known_class(incoming, rules, problems, found)
    unclaimed = _unclaimed_by_name(current)
    folded_keys = _folded_keys(current)
    claims: dict[int, list[IncomingCI]] = defaultdict(list)
    by_key = _each_once(classified, lambda ci: ci.key, problems, found)
    # Without a key of its own a CI is known by its name, and case does not tell two names apart.
    once = _each_once(
        by_key, lambda ci: ci.key if ci.has_own_key else ci.folded_name, problems, found
    )
    for ci in once:
        known = current.keys.get(ci.key)
        if known is None and not ci.has_own_key:
            known = folded_keys.get(ci.folded_name)
        if known is not None:
            claims[known].append(ci)
            continue
        candidates = unclaimed.get((ci.folded_name, ci.values[CI_CLASS]), [])
        if len(candidates) > 1:
            problems.add(_fits_several(ci, candidates))
            found.reject(ci)
        elif candidates:
            claims[candidates[0]].append(ci)
        else:
            found.new.append(ci)
    for ci_id, records in claims.items():
        _settle(ci_id, records, current, problems, found)
    return found


def _settle(
    ci_id: int,
    records: list[IncomingCI],
    current: Current,
    problems: Problems,
    found: Identified,
) -> None:
    """Take the record that fits a CI; of several that differ none."""
    first, *others = records
    if not all(_same(first, other) for other in others):
        for ci in records:
            problems.add(_contested(ci, ci_id, records))
            found.reject(ci)
        return
    for other in others:
        problems.add(_duplicate(other, first))
    found.existing.append((first, ci_id))
    if ci_id not in current.in_source:
        found.new_keys[ci_id] = first.key


def _with_known_class(
    incoming: Iterable[IncomingCI], rules: Rules, problems: Problems, found: Identified
) -> Iterable[IncomingCI]:
    for ci in incoming:
        said = ci.values[CI_CLASS]
        name = rules.classes.find(said)
        if name is None:
            problems.add(
                problem(
                    "unknown_ci_class",
                    f"there is no CI class {said!r}",
                    where=ci.where,
                    kind=Kind.CI,
                    column="ci_class",
                    value=said,
                    hint=rules.classes.hint(said),
                )
            )
            found.reject(ci)
        elif name == said:
            yield ci
        else:
            yield replace(ci, values=(*ci.values[:CI_CLASS], name, *ci.values[CI_CLASS + 1 :]))


def _each_once(
    incoming: Iterable[IncomingCI],
    identity: Callable[[IncomingCI], str],
    problems: Problems,
    found: Identified,
) -> Iterable[IncomingCI]:
    """The records without repetitions; those that contradict each other are all rejected."""
    first: dict[str, IncomingCI] = {}
    repeated: dict[str, list[IncomingCI]] = defaultdict(list)
    for ci in incoming:
        if first.setdefault(identity(ci), ci) is not ci:
            repeated[identity(ci)].append(ci)
    for name, others in repeated.items():
        known = first[name]
        differing = next((ci for ci in others if not _same(known, ci)), None)
        if differing is None:
            for ci in others:
                problems.add(_duplicate(ci, known))
            continue
        del first[name]
        for ci in (known, *others):
            problems.add(_contradiction(ci, (differing if _same(ci, known) else known).where))
            found.reject(ci)
    return first.values()


def _same(one: IncomingCI, other: IncomingCI) -> bool:
    return one.values == other.values and one.attributes == other.attributes


def _unclaimed_by_name(current: Current) -> dict[tuple[str, str], list[int]]:
    """CIs that are not retired and of which the source knows nothing, by name and class."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for ci in current.cis.values():
        if ci.id not in current.in_source and ci.values[STATUS] != LifecycleStatus.RETIRED:
            found[ci.folded_name, ci.values[CI_CLASS]].append(ci.id)
    return found


def _folded_keys(current: Current) -> dict[str, int]:
    """CIs by their key in any case, for records without one; what fits several is left out."""
    found: dict[str, set[int]] = defaultdict(set)
    for key, ci_id in current.keys.items():
        found[fold(key)].add(ci_id)
    return {folded: next(iter(ids)) for folded, ids in found.items() if len(ids) == 1}


def _duplicate(ci: IncomingCI, first: IncomingCI) -> Problem:
    return problem(
        "duplicate_row",
        f"this repeats {first.where}",
        where=ci.where,
        severity=Severity.WARNING,
        kind=Kind.CI,
        column="key" if ci.has_own_key else "name",
        value=ci.key,
    )


def _contradiction(ci: IncomingCI, other: Where) -> Problem:
    column = "key" if ci.has_own_key else "name"
    return problem(
        "duplicate_key",
        f"the {column} {ci.key!r} is also that of {other}, which says something else",
        where=ci.where,
        kind=Kind.CI,
        column=column,
        value=ci.key,
        hint="give two CIs two keys; of one CI keep one row",
    )


def _fits_several(ci: IncomingCI, candidates: list[int]) -> Problem:
    ids = ", ".join(str(each) for each in sorted(candidates)[:_LISTED])
    return problem(
        "ambiguous_ci",
        f"{len(candidates)} CIs of this class have this name: {ids}",
        where=ci.where,
        kind=Kind.CI,
        column="name",
        value=ci.values[0],
        hint="which one is meant is not guessed: retire or rename the others",
    )


def _contested(ci: IncomingCI, ci_id: int, records: list[IncomingCI]) -> Problem:
    others = ", ".join(str(each.where) for each in records[:_LISTED] if each is not ci)
    return problem(
        "ambiguous_ci",
        f"this and {others} fit one and the same CI, {ci_id}, and differ",
        where=ci.where,
        kind=Kind.CI,
        column="key" if ci.has_own_key else "name",
        value=ci.key,
        hint="which one it is, is not guessed: tell them apart by name, or keep one",
    )
