"""Identification: which CI is this record? Pure: over values that were read before."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from cmdb.fitting import Fits, Fitting
from cmdb.importers.records import Kind, Where
from cmdb.incoming import CI_CLASS, IncomingCI
from cmdb.names import fold
from cmdb.plan import Current, Rules
from cmdb.problems import Problems, problem
from cmdb.schemas import Problem, Severity

_LISTED = 5


@dataclass(slots=True)
class Identified:
    """The good records of a load, each with its CI, and what was turned away."""

    existing: list[tuple[IncomingCI, int]] = field(default_factory=list)
    """A CI may have several, under keys that were known before."""
    new: list[IncomingCI] = field(default_factory=list)
    """The CI of the first is -1, of the second -2, …"""
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """By key: why a record is the CI that another one named before."""
    in_review: list[tuple[IncomingCI, Fits]] = field(default_factory=list)
    """Those that fit several CIs, with the reasons: a person decides."""
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
    """Find the CI of every record: by its key, else by identifiers from the surest to the least,
    else by its name, class and environment.

    What fits several CIs goes to review, it is not guessed. The order of records does not matter.
    """
    found = Identified()
    classified = _with_known_class(incoming, rules, problems, found)
    folded_keys = _folded_keys(current)
    by_key = _each_once(classified, lambda ci: ci.key, problems, found)
    # Without a key of its own a CI is known by its name, and case does not tell two names apart.
    once = list(
        _each_once(by_key, lambda ci: ci.key if ci.has_own_key else ci.folded_name, problems, found)
    )
    fitting = Fitting(current, rules)
    claims: dict[int, list[tuple[IncomingCI, Fits]]] = defaultdict(list)
    for ci in once:
        known = current.keys.get(ci.key)
        if known is None and not ci.has_own_key:
            known = folded_keys.get(ci.folded_name)
        if known is not None:
            found.existing.append((ci, known))
            continue
        fits = fitting.of(ci)
        if len(fits) == 1:
            claims[next(iter(fits))].append((ci, fits))
        elif fits:
            found.in_review.append((ci, fits))
        else:
            found.new.append(ci)
    for ci_id, records in claims.items():
        _settle(ci_id, records, problems, found)
    for ci, fits in found.in_review:
        problems.add(_needs_review(ci, fits, current))
    return found


def _settle(
    ci_id: int, records: list[tuple[IncomingCI, Fits]], problems: Problems, found: Identified
) -> None:
    """Take the record that fits a CI; of several that differ none is taken for it."""
    (first, why), *others = records
    if all(_same(first, other) for other, _ in others):
        found.existing.append((first, ci_id))
        found.reasons[first.key] = why[ci_id]
        for other, _ in others:
            problems.add(_duplicate(other, first))
        return
    for ci, fits in records:
        rivals = ", ".join(str(other.where) for other, _ in records[:_LISTED] if other is not ci)
        reasons = [*fits[ci_id], f"{rivals} fits it, too"]
        found.in_review.append((ci, {ci_id: reasons}))


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


def _needs_review(ci: IncomingCI, fits: Fits, current: Current) -> Problem:
    listed = "; ".join(
        f"{ci_id} ({current.cis[ci_id].values[0]}): {', '.join(reasons)}"
        for ci_id, reasons in sorted(fits.items())[:_LISTED]
    )
    many = f"{len(fits)} CIs" if len(fits) > 1 else "a CI that another record fits as well"
    return problem(
        "needs_review",
        f"this fits {many}: {listed}",
        where=ci.where,
        severity=Severity.WARNING,
        kind=Kind.CI,
        column="key" if ci.has_own_key else "name",
        value=ci.key,
        hint="it is not guessed and waits for you: `opsatlas reviews list`",
    )
