"""Which CIs does a record fit that no key names, and why? Pure.

The surest identifiers speak first. A name alone never outweighs them: a CI of the same name with
another serial number is another CI.
"""

from collections import defaultdict

from cmdb.identifiers import (
    CLOUD_ID,
    FQDN,
    HOST,
    OUTLIVES_RETIREMENT,
    SERIAL,
    family,
    identifiers,
)
from cmdb.incoming import ABSENT, CI_CLASS, NAME, STATUS, STORED, IncomingCI
from cmdb.models import LifecycleStatus
from cmdb.plan import Current, CurrentCI, Rules

Fits = dict[int, list[str]]
"""By CI: the reasons, in words."""

_ENVIRONMENT = STORED.index("environment")
_VETO = (SERIAL, CLOUD_ID, FQDN)
"""Kinds of which two different values mean two different things."""

_Values = dict[str, set[str]]


class Fitting:
    """Compares records with the CIs that were read for a load."""

    def __init__(self, current: Current, rules: Rules) -> None:
        self._current = current
        self._rules = rules
        self._by_name: dict[tuple[str, str], list[int]] = defaultdict(list)
        for ci in current.cis.values():
            self._by_name[ci.folded_name, self._family(ci)].append(ci.id)
        for merged in current.merged.values():
            key = merged.folded_name, self._family(current.cis[merged.into])
            if merged.into not in self._by_name[key]:
                self._by_name[key].append(merged.into)

    def of(self, ci: IncomingCI) -> Fits:
        """The CIs that `ci` may be: by identifiers where any fits, else by name."""
        root = self._rules.root(ci.values[CI_CLASS])
        said = {
            name: value
            for name, value in zip(STORED, ci.values, strict=True)
            if value is not ABSENT and value is not None
        }
        own: _Values = defaultdict(set)
        for kind, value in identifiers(root, said["name"], said, ci.attributes):
            own[kind].add(value)
        fits: Fits = {}
        for kind, values in own.items():
            if kind == HOST:
                continue
            for value in sorted(values):
                for ci_id in self._current.identifiers.get((kind, value), ()):
                    if self._may_be(ci_id, root) and self._alive(ci_id, kind):
                        fits.setdefault(ci_id, []).append(f"the same {kind} {value}")
        return fits or self._by_name_of(ci, root, own)

    def _by_name_of(self, ci: IncomingCI, root: str, own: _Values) -> Fits:
        candidates = dict.fromkeys(
            self._by_name.get((ci.folded_name, family(root)), ()), "the same name and class"
        )
        for value in own.get(HOST, ()):
            for ci_id in self._current.identifiers.get((HOST, value), ()):
                candidates.setdefault(ci_id, f"the same host name {value}")
        return {
            ci_id: [reason]
            for ci_id, reason in candidates.items()
            if self._may_be(ci_id, root)
            and self._alive(ci_id, HOST)
            and not self._contradicts(ci, root, own, self._current.cis[ci_id])
        }

    def _may_be(self, ci_id: int, root: str) -> bool:
        """Whether the class allows it, and the source does not know the CI by another key."""
        ci = self._current.cis.get(ci_id)
        return (
            ci is not None
            and self._family(ci) == family(root)
            and ci_id not in self._current.in_source
        )

    def _alive(self, ci_id: int, kind: str) -> bool:
        retired = self._current.cis[ci_id].values[STATUS] == LifecycleStatus.RETIRED
        return kind in OUTLIVES_RETIREMENT or not retired

    def _contradicts(self, ci: IncomingCI, root: str, own: _Values, other: CurrentCI) -> bool:
        """Whether something surer than the name says that these are two."""
        environments = {ci.values[_ENVIRONMENT], other.values[_ENVIRONMENT]} - {ABSENT, None}
        if len(environments) > 1:
            return True
        said, stored = str(ci.folded_name), other.folded_name
        if said != stored and "." in said and "." in stored:
            return True
        theirs: _Values = defaultdict(set)
        fields = dict(zip(STORED, other.values, strict=True))
        for kind, value in identifiers(root, other.values[NAME], fields, other.attributes):
            theirs[kind].add(value)
        return any(
            own.get(kind) and theirs.get(kind) and not own[kind] & theirs[kind] for kind in _VETO
        )

    def _family(self, ci: CurrentCI) -> str:
        return family(self._rules.root(ci.values[CI_CLASS]))
