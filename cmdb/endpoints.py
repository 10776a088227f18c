"""Which CI does a relationship mean by this text? Pure: over values that were read before."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from cmdb.importers.records import Kind, Where
from cmdb.incoming import STATUS, IncomingCI
from cmdb.models import LifecycleStatus
from cmdb.names import fold
from cmdb.plan import Current
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_LISTED = 5
_HINTED = 20
"""Unknown names for which near ones are looked up: each costs a search."""


class Endpoints:
    """Finds the CI that a text names, and remembers what it found.

    A text is tried as a key in the input or of the source, then as a name in the input, then as a
    key of any source, then as the name of a CI that is not retired.
    """

    def __init__(
        self,
        current: Current,
        incoming: Iterable[tuple[IncomingCI, int]],
        rejected: Collection[str],
        in_review: Collection[str],
        near_names: Callable[[str], list[str]],
    ) -> None:
        self._current = current
        self._rejected = rejected
        self._in_review = in_review
        self._near_names = near_names
        self._keys: dict[str, int] = {}
        self._names: dict[str, list[int]] = defaultdict(list)
        for ci, ci_id in incoming:
            self._keys[ci.key] = ci_id
            self._names[ci.folded_name].append(ci_id)
        self._found: dict[str, int | None] = {}
        self._hints: dict[str, str | None] = {}

    def find(self, said: str) -> int | None:
        """The CI; None where `explain` has to say why there is none."""
        if said not in self._found:
            candidates = self._candidates(said)
            self._found[said] = candidates[0] if len(candidates) == 1 else None
        return self._found[said]

    def explain(self, said: str, where: Where, column: str) -> Problem:
        """Why `find` found nothing; a warning where the CI only waits for a person."""
        candidates = self._candidates(said)
        severity = Severity.ERROR
        if said in self._in_review or fold(said) in self._in_review:
            severity = Severity.WARNING
            code, message = "end_in_review", f"{said!r} fits several CIs and waits for review"
            hint: str | None = "the relationship comes with the next load after the decision"
        elif candidates:
            listed = ", ".join(self._described(each) for each in candidates[:_LISTED])
            code, message = "ambiguous_ci", f"{said!r} names {len(candidates)} CIs: {listed}"
            hint = "use the key of the one that is meant"
        elif said in self._rejected or fold(said) in self._rejected:
            code, message = "rejected_ci", f"the record of {said!r} was rejected"
            hint = "put that record right; then this relationship loads, too"
        else:
            code, message = "unknown_ci", f"there is no CI with the key or name {said!r}"
            hint = self._hint(said)
        return problem(
            code,
            message,
            where=where,
            severity=severity,
            kind=Kind.RELATIONSHIP,
            column=column,
            value=said,
            hint=hint,
        )

    def _candidates(self, said: str) -> list[int]:
        for known in (self._keys, self._current.keys):
            if said in known and said not in self._rejected and said not in self._in_review:
                return [known[said]]
        folded = fold(said)
        turned_away = self._rejected, self._in_review
        if any(said in names or folded in names for names in turned_away):
            return []
        return (
            self._names.get(folded)
            or sorted(self._current.other_keys.get(said, ()))
            or [
                ci_id
                for ci_id in self._current.names.get(folded, [])
                if self._current.cis[ci_id].values[STATUS] != LifecycleStatus.RETIRED
            ]
        )

    def _described(self, ci_id: int) -> str:
        if ci_id in self._current.cis:
            ci = self._current.cis[ci_id]
            return f"{ci_id} ({ci.values[0]}, {ci.values[1]})"
        return "a new one of this input" if ci_id < 0 else str(ci_id)

    def _hint(self, said: str) -> str | None:
        if any(
            self._current.cis[ci_id].values[STATUS] == LifecycleStatus.RETIRED
            for ci_id in self._current.names.get(fold(said), [])
        ):
            return "a retired CI has this name; use its key if it is meant"
        if said not in self._hints and len(self._hints) < _HINTED:
            near = self._near_names(said)[:3]
            self._hints[said] = (
                f"did you mean {' or '.join(repr(each) for each in near)}?" if near else None
            )
        return self._hints.get(said)
