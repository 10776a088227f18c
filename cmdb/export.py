"""The whole inventory in the native format: what comes out of here can be loaded again."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, count
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.claims import MANUAL, is_correction
from cmdb.models import ConfigurationItem, ExternalKey, RedundancyGroup, Relationship
from cmdb.relationship_words import at_most
from cmdb.values import CI_VALUES, MinUp

_PREFERRED = {"native": 0, "manual": 1}
"""Sources whose keys are kept where a CI has several: the format has room for one."""


def export_inventory(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every CI, retired ones too, and every relationship; fields without a value are left out.

    CIs that were merged into others are left out: they are those.
    """
    rows = session.scalars(
        select(ConfigurationItem)
        .where(ConfigurationItem.merged_into.is_(None))
        .order_by(ConfigurationItem.id)
    ).all()
    keys = _keys(session, {row.id: row.name for row in rows})
    return {
        "configuration_items": [_ci(row, keys[row.id]) for row in rows],
        "relationships": list(_relationships(session, keys)),
    }


def _keys(session: Session, names: dict[int, str]) -> dict[int, str]:
    """A key for each CI that no other has: of a source, else its name, else with its id."""
    known: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    for row in session.execute(select(ExternalKey.ci_id, ExternalKey.source, ExternalKey.key)):
        if row.source != MANUAL or not is_correction(row.key):
            order = _PREFERRED.get(row.source, len(_PREFERRED))
            known[row.ci_id].append((order, row.source, row.key))
    used: set[str] = set()
    keys: dict[int, str] = {}
    for ci_id, name in names.items():
        own = [key for _order, _source, key in sorted(known[ci_id])]
        made = (f"{name} ({number})" for number in count(ci_id))
        keys[ci_id] = next(key for key in chain(own, [name], made) if key not in used)
        used.add(keys[ci_id])
    return keys


def _ci(row: ConfigurationItem, key: str) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in CI_VALUES}
    said = {name: value for name, value in fields.items() if value is not None}
    return {"key": key, **said} | ({"attributes": row.attributes} if row.attributes else {})


def _relationships(session: Session, keys: dict[int, str]) -> Iterator[dict[str, Any]]:
    sizes = _sizes(session)
    rows = session.execute(
        select(Relationship, RedundancyGroup)
        .outerjoin(RedundancyGroup, RedundancyGroup.id == Relationship.group_id)
        .order_by(Relationship.id)
    )
    for relationship, group in rows:
        found = {
            "dependent": keys[relationship.dependent_id],
            "provider": keys[relationship.provider_id],
            "type": relationship.type,
            "dependency": relationship.dependency,
        }
        if group is not None:
            min_up = MinUp(group.min_up, group.min_up_is_percent)
            min_up = at_most(min_up, sizes[group.id])  # more than there are is refused by a load
            found |= {"redundancy_group": group.name, "min_up": str(min_up)}
        yield found


def _sizes(session: Session) -> dict[int, int]:
    """How many CIs the redundancy groups have as members."""
    members = func.count(Relationship.provider_id.distinct())
    rows = session.execute(
        select(Relationship.group_id, members)
        .where(Relationship.group_id.is_not(None))
        .group_by(Relationship.group_id)
    )
    return {group_id: size for group_id, size in rows if group_id is not None}
