"""Records as they are in the database: found by number, and as they go out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from kb.affected import affected
from kb.chunks import chunks
from kb.models import AffectedCI, RecordKind, RecordLink
from kb.nouns import NOUNS, In, Noun, Out, Patch, Record
from opsatlas.db.listing import FieldKind, ListQuery, field_columns, field_kinds, list_page
from opsatlas.errors import NotFoundError

Fields = dict[str, Any]
"""A record by field name: columns, `cis` as names, links as lists of numbers."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with everything that hangs on it."""

    row: Record
    fields: Fields
    cis: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class RecordPage(Generic[Out]):
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[Out]
    more: bool
    last_id: int | None


class NoSuchRecordError(NotFoundError):
    """No record has this number."""

    code = "no_such_record"


def find(session: Session, noun: Noun[In, Patch, Out], numbers: Iterable[str]) -> dict[str, Stored]:
    """The records that have these numbers; those that do not exist are left out."""
    rows: list[Record] = []
    for chunk in chunks(numbers):
        rows += session.scalars(
            select(noun.model).where(noun.model.number.in_(chunk)),
            execution_options={"populate_existing": True},
        )
    return {each.row.number: each for each in _whole(session, noun, rows)}


def get(session: Session, noun: Noun[In, Patch, Out], number: str) -> Out:
    """The record that has this number. Raises NoSuchRecordError."""
    return out(noun, get_stored(session, noun, number))


def get_stored(session: Session, noun: Noun[In, Patch, Out], number: str) -> Stored:
    """The same with what hangs on it."""
    found = find(session, noun, [number]).get(number)
    if found is None:
        raise NoSuchRecordError(f"there is no {noun.label} {number!r}")
    return found


def list_records(
    session: Session,
    noun: Noun[In, Patch, Out],
    query: ListQuery,
    *,
    ci_id: int | None = None,
    default_ordering: tuple[str, ...] = ("-id",),
) -> RecordPage[Out]:
    """One page of records, the newest first; of those about one CI only, where `ci_id` is given.

    `id` in filters and orderings is the order in which they were recorded. Raises
    InvalidListQueryError.
    """
    where: Sequence[ColumnElement[bool]] = ()
    if ci_id is not None:
        about = select(AffectedCI.record_id).where(
            AffectedCI.record_kind == noun.kind, AffectedCI.ci_id == ci_id
        )
        where = (noun.model.id.in_(about),)
    page = list_page(
        session,
        noun.model,
        _list_columns(noun),
        query,
        default_ordering=default_ordering,
        where=where,
    )
    results = [out(noun, each) for each in _whole(session, noun, page.rows)]
    return RecordPage(page.count, results, page.more, page.rows[-1].id if page.rows else None)


def list_kinds(noun: Noun[In, Patch, Out]) -> dict[str, FieldKind]:
    """What a list of these records can be filtered and ordered by, and what the values are."""
    return field_kinds(_list_columns(noun))


def out(noun: Noun[In, Patch, Out], stored: Stored) -> Out:
    """The record as it goes out."""
    unresolved = [name for name, ci_id in stored.cis.items() if ci_id is None]
    own = {
        name: getattr(stored.row, name)
        for name in noun.output.model_fields
        if hasattr(stored.row, name)
    }
    return noun.output.model_validate(own | stored.fields | {"unresolved_cis": unresolved})


def kinds_of(session: Session, numbers: Iterable[str]) -> dict[str, RecordKind]:
    """Of which kind the record with each number is; numbers that nothing has are left out."""
    kinds: dict[str, RecordKind] = {}
    for chunk in chunks(numbers):
        for noun in NOUNS:
            rows = session.scalars(select(noun.model.number).where(noun.model.number.in_(chunk)))
            kinds |= dict.fromkeys(rows, noun.kind)
    return kinds


def linked_numbers(
    session: Session, noun: Noun[In, Patch, Out], numbers: Iterable[str]
) -> dict[str, dict[str, list[str]]]:
    """The link fields of each record: numbers of the others, by field."""
    links: dict[str, dict[str, list[str]]] = defaultdict(
        lambda: {field: [] for field in noun.links}
    )
    fields = {kind.value: field for field, kind in noun.links.items()}
    for chunk in chunks(numbers if fields else ()):
        rows = session.execute(
            select(RecordLink.from_number, RecordLink.to_kind, RecordLink.to_number)
            .where(RecordLink.from_kind == noun.kind, RecordLink.from_number.in_(chunk))
            .order_by(RecordLink.id)
        )
        for row in rows:
            links[row.from_number][fields[row.to_kind]].append(row.to_number)
    return links


def _whole(session: Session, noun: Noun[In, Patch, Out], rows: Sequence[Record]) -> list[Stored]:
    cis = affected(session, noun.kind, [row.id for row in rows])
    links = linked_numbers(session, noun, [row.number for row in rows])
    return [
        Stored(
            row,
            {name: getattr(row, name) for name in noun.columns}
            | links[row.number]
            | {"cis": list(cis[row.id])},
            cis[row.id],
        )
        for row in rows
    ]


def _list_columns(noun: Noun[In, Patch, Out]) -> dict[str, InstrumentedAttribute[Any]]:
    return field_columns(noun.model, without=("tags",))
