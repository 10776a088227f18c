"""Rows put straight into the database, for tests that are not about loading."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.claims import said_of
from cmdb.incoming import STORED
from cmdb.models import (
    ConfigurationItem,
    ExternalKey,
    RedundancyGroup,
    Relationship,
)
from cmdb.names import fold
from cmdb.snapshots import CI, RELATIONSHIP
from opsatlas import revision
from opsatlas.clock import now


def put_ci(
    session: Session,
    name: str,
    ci_class: str = "application",
    *,
    status: str = "active",
    criticality: int | None = None,
    owner: str | None = None,
    support_group: str | None = None,
    key: str | None = None,
) -> int:
    """A CI; with `key` the manual source knows it by that."""
    row = ConfigurationItem(
        name=name,
        folded_name=fold(name),
        ci_class=ci_class,
        status=status,
        criticality=criticality,
        owner=owner,
        support_group=support_group,
        attributes={},
        version=1,
        created_at=now(),
        updated_at=now(),
    )
    session.add(row)
    session.flush()
    if key is not None:
        session.add(
            ExternalKey(
                source="manual",
                key=key,
                ci_id=row.id,
                said=said_of([getattr(row, field) for field in STORED], {}),
                set_by={},
                seen_at=now(),
            )
        )
    revision.note(session, CI, [row.id])
    return row.id


def put_relationship(
    session: Session,
    dependent: int,
    provider: int,
    *,
    type_: str = "depends_on",
    dependency: str = "required",
    group: str | None = None,
    min_up: int = 1,
    percent: bool = False,
) -> int:
    """A relationship, in the named redundancy group of the dependent where one is given."""
    row = Relationship(
        dependent_id=dependent,
        provider_id=provider,
        type=type_,
        dependency=dependency,
        group_id=None if group is None else _group(session, dependent, group, min_up, percent),
        version=1,
        created_at=now(),
        updated_at=now(),
    )
    session.add(row)
    session.flush()
    revision.note(session, RELATIONSHIP, [row.id])
    return row.id


def _group(session: Session, dependent: int, name: str, min_up: int, percent: bool) -> int:
    named = RedundancyGroup.dependent_id == dependent, RedundancyGroup.name == name
    found = session.scalar(select(RedundancyGroup.id).where(*named))
    if found is not None:
        return found
    row = RedundancyGroup(
        dependent_id=dependent, name=name, min_up=min_up, min_up_is_percent=percent
    )
    session.add(row)
    session.flush()
    return row.id
