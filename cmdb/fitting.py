"""Which CIs does a record fit that no key names, and why? Pure.

The surest identifiers of the class speak first. A name alone never outweighs them: a CI of the same
name with another serial number is another CI.
"""

from collections import defaultdict
from typing import Any

from cmdb.identification import NAME, kinds_of
from cmdb.identifiers import (
    CLOUD_ID,
    FQDN,
    HOST,
    OUTLIVES_RETIREMENT,
    SERIAL,
    family,
    identifiers,
)
from cmdb.incoming import ABSENT, CI_CLASS, STATUS, STORED, IncomingCI
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
        """The CIs that `ci` may be: those of the first step of its class's rule that fits any."""
        ci_class = ci.values[CI_CLASS]
        said = {
            name: value
            for name, value in zip(STORED, ci.values, strict=True)
            if value is not ABSENT and value is not None
        }
        own = self._values(ci_class, said["name"], said, ci.attributes)
        for step in self._rules.steps(ci_class):
            fits = self._by_identifiers(step, ci_class, own)
            if NAME in step or HOST in step:
                for ci_id, reason in self._by_name_of(step, ci, own).items():
                    fits.setdefault(ci_id, [reason])
            if fits:
                return fits
        return {}

    def _by_identifiers(self, step: tuple[str, ...], ci_class: str, own: _Values) -> Fits:
        fits: Fits = {}
        for kind in step:
            if kind == HOST:
                continue
            for value in sorted(own.get(kind, ())):
                for ci_id in self._current.identifiers.get((kind, value), ()):
                    if self._may_be(ci_id, ci_class, kind) and self._alive(ci_id, kind):
                        fits.setdefault(ci_id, []).append(f"the same {kind} {value}")
        return fits

    def _by_name_of(self, step: tuple[str, ...], ci: IncomingCI, own: _Values) -> dict[int, str]:
        """Candidates by name, but for those of which something surer says that they are others."""
        ci_class = ci.values[CI_CLASS]
        candidates: dict[int, tuple[str, str]] = {}
        if NAME in step:
            named = self._by_name.get((ci.folded_name, family(self._rules.root(ci_class))), ())
            candidates.update(dict.fromkeys(named, (NAME, "the same name and class")))
        for value in own.get(HOST, ()) if HOST in step else ():
            for ci_id in self._current.identifiers.get((HOST, value), ()):
                candidates.setdefault(ci_id, (HOST, f"the same host name {value}"))
        return {
            ci_id: reason
            for ci_id, (kind, reason) in candidates.items()
            if self._may_be(ci_id, ci_class, kind)
            and self._alive(ci_id, HOST)
            and not self._contradicts(ci, own, self._current.cis[ci_id])
        }

    def _may_be(self, ci_id: int, ci_class: str, kind: str) -> bool:
        """Whether the classes allow it, and the source does not know the CI by another key."""
        ci = self._current.cis.get(ci_id)
        return (
            ci is not None
            and self._family(ci) == family(self._rules.root(ci_class))
            and kind in self._kinds(ci.values[CI_CLASS])
            and ci_id not in self._current.in_source
        )

    def _alive(self, ci_id: int, kind: str) -> bool:
        retired = self._current.cis[ci_id].values[STATUS] == LifecycleStatus.RETIRED
        return kind in OUTLIVES_RETIREMENT or not retired

    def _contradicts(self, ci: IncomingCI, own: _Values, other: CurrentCI) -> bool:
        """Whether something surer than the name says that these are two."""
        environments = {ci.values[_ENVIRONMENT], other.values[_ENVIRONMENT]} - {ABSENT, None}
        if len(environments) > 1:
            return True
        said, stored = str(ci.folded_name), other.folded_name
        if said != stored and "." in said and "." in stored:
            return True
        fields = dict(zip(STORED, other.values, strict=True))
        theirs = self._values(other.values[CI_CLASS], fields["name"], fields, other.attributes)
        return any(
            own.get(kind) and theirs.get(kind) and not own[kind] & theirs[kind] for kind in _VETO
        )

    def _values(
        self, ci_class: str, name: str, fields: dict[str, Any], attributes: dict[str, Any]
    ) -> _Values:
        found: _Values = defaultdict(set)
        for kind, value in identifiers(self._kinds(ci_class), name, fields, attributes):
            found[kind].add(value)
        return found

    def _kinds(self, ci_class: str) -> tuple[str, ...]:
        return kinds_of(self._rules.steps(ci_class))

    def _family(self, ci: CurrentCI) -> str:
        return family(self._rules.root(ci.values[CI_CLASS]))
