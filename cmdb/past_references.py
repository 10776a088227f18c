"""The CIs of a moment, by what callers name them by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.as_of import known_since, states_of_cis
from cmdb.bulk import chunks
from cmdb.models import ConfigurationItem, ExternalKey
from cmdb.moments import Moment
from cmdb.names import fold
from cmdb.references import Found, KeyReference
from cmdb.taking_back import State
from opsatlas.clock import rfc3339


class PastCI(NamedTuple):
    """What is known of a CI as it was."""

    id: int
    name: str
    ci_class: str
    status: str
    criticality: int | None
    owner: str | None
    support_group: str | None
    merged_into: int | None


class PastCIs:
    """A `references.Lookup` of a moment."""

    def __init__(self, session: Session, moment: Moment) -> None:
        self._session = session
        self._moment = moment
        self.when = f"at {rfc3339(moment.at)}"

    @property
    def hint(self) -> str | None:
        """What to say where there was no such CI."""
        return known_since(self._session, self._moment.at)

    def by_name(self, names: Iterable[str]) -> Mapping[str, Sequence[Found]]:
        """CIs by the folded name that they had."""
        wanted = {fold(name) for name in names}
        ids = {
            each
            for each, past in self._moment.cis.items()
            if fold(past.fields.get("name", "")) in wanted
        }
        for some in chunks(wanted):
            ids.update(
                self._session.scalars(
                    select(ConfigurationItem.id).where(ConfigurationItem.folded_name.in_(some))
                )
            )
        found: dict[str, list[Found]] = defaultdict(list)
        for each in self.named(ids).values():
            if fold(each.name) in wanted:
                found[fold(each.name)].append(each)
        return found

    def by_id(self, ids: Iterable[int]) -> Mapping[int, Found]:
        """CIs by id."""
        return self.named(ids)

    def by_key(self, reference: KeyReference) -> Sequence[Found]:
        """The CIs that a source knew by this key."""
        key = {"source": reference.source, "key": reference.key}
        ids = set(
            self._session.scalars(
                select(ExternalKey.ci_id).where(
                    ExternalKey.source == reference.source, ExternalKey.key == reference.key
                )
            )
        )
        ids.update(each for each, past in self._moment.cis.items() if past.may_have("keys", key))
        states = states_of_cis(self._session, self._moment, ids)
        having = [each for each, state in states.items() if key in state["keys"]]
        return list(self.named(having).values())

    def named(self, ids: Iterable[int]) -> dict[int, PastCI]:
        """What is known of CIs, ascending by id."""
        states = states_of_cis(self._session, self._moment, sorted(set(ids)))
        return {each: _past_ci(each, state) for each, state in states.items()}


def _past_ci(ci_id: int, state: State) -> PastCI:
    fields: dict[str, Any] = {name: state.get(name) for name in PastCI._fields}
    return PastCI(**{**fields, "id": ci_id})
