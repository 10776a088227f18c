"""The audit trail of relationships that change many ways at once: by their states before and
after."""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.models import Relationship
from cmdb.relationship_states import relationship_states
from opsatlas import audit
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.transaction import moment

_UNTOLD = ("version", "created_at", "updated_at", "sources")

States = dict[int, dict[str, Any]]


def record_changes(
    session: Session, actor: Actor, before: States, ids: Collection[int]
) -> set[int]:
    """Audit what became of the relationships `ids` since `before`, and give those that are still
    there a new version; returns those that changed."""
    after = relationship_states(session, ids)
    changed: set[int] = set()

    def writes() -> Iterator[Write]:
        for each in sorted({*before, *after}):
            old, new = before.get(each), after.get(each)
            if old is not None and new is not None:
                lost, gained = _difference(old, new)
                if not gained:
                    continue
                yield Write("update", "relationship", each, lost, gained)
            else:
                yield Write("delete" if new is None else "create", "relationship", each, old, new)
            changed.add(each)

    for some in chunks(writes()):
        audit.record(session, actor, some)
    for some_changed in chunks(changed & before.keys() & after.keys()):
        session.execute(
            update(Relationship)
            .where(Relationship.id.in_(some_changed))
            .values(version=Relationship.version + 1, updated_at=moment(session))
        )
    return changed


def _difference(old: dict[str, Any], new: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    told = {name: value for name, value in new.items() if name not in _UNTOLD}
    lost, gained = audit.difference(old, told)
    if set(old["sources"]) != set(new["sources"]):
        lost["sources"] = [each for each in old["sources"] if each not in new["sources"]]
        gained["sources"] = [each for each in new["sources"] if each not in old["sources"]]
    return lost, gained
