"""Configuration items as they are stored: one by id, or a page of a list."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cmdb.bulk import chunks
from cmdb.claims import MANUAL, is_correction
from cmdb.models import ConfigurationItem, ExternalKey
from cmdb.schemas import CIOut, SourceKey
from opsatlas.db.listing import FieldKind, ListQuery, field_columns, field_kinds, list_page
from opsatlas.errors import NotFoundError


class NoSuchCIError(NotFoundError):
    """No configuration item has this id."""

    code = "no_such_ci"


@dataclass(frozen=True, slots=True)
class CIPage:
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[CIOut]
    more: bool
    last_id: int | None


def get_ci(session: Session, ci_id: int) -> CIOut:
    """One CI, retired ones too. Raises NoSuchCIError."""
    return cis_out(session, [stored_ci(session, ci_id)])[0]


def list_cis(session: Session, query: ListQuery) -> CIPage:
    """One page of CIs. Raises InvalidListQueryError."""
    page = list_page(session, ConfigurationItem, list_ci_columns(), query)
    last = page.rows[-1].id if page.rows else None
    return CIPage(page.count, cis_out(session, page.rows), page.more, last)


def list_ci_kinds() -> dict[str, FieldKind]:
    """What a list of CIs can be filtered and ordered by, and what the values are."""
    return field_kinds(list_ci_columns())


def stored_ci(session: Session, ci_id: int) -> ConfigurationItem:
    """The row of a CI as it is now. Raises NoSuchCIError."""
    row = session.get(ConfigurationItem, ci_id, populate_existing=True)
    if row is None:
        raise NoSuchCIError(f"there is no configuration item {ci_id}")
    return row


def cis_out(session: Session, rows: Sequence[ConfigurationItem]) -> list[CIOut]:
    """Rows as they go out, each with the keys under which sources know it."""
    keys: dict[int, list[SourceKey]] = defaultdict(list)
    for some in chunks(row.id for row in rows):
        found = session.execute(
            select(ExternalKey.ci_id, ExternalKey.source, ExternalKey.key)
            .where(ExternalKey.ci_id.in_(some))
            .order_by(ExternalKey.source, ExternalKey.key)
        )
        for ci_id, source, key in found:
            if source != MANUAL or not is_correction(key):
                keys[ci_id].append(SourceKey(source=source, key=key))
    names = CIOut.model_fields.keys() - {"keys"}
    return [
        CIOut(**{name: getattr(row, name) for name in names}, keys=keys[row.id]) for row in rows
    ]


def list_ci_columns() -> dict[str, InstrumentedAttribute[Any]]:
    """The columns that a list of CIs can be filtered and ordered by."""
    return field_columns(ConfigurationItem, without=("attributes", "folded_name"))
