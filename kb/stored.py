"""Records as they are in the database: found by number, and as they go out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy import select
from sqlalchemy.orm import Session

from kb.affected import affected
from kb.chunks import chunks
from kb.models import AffectedCI, RecordKind, RecordLink
from kb.nouns import NOUNS, In, Noun, Out, Patch, Record
from kb.visibility import as_shown, hidden_numbers, is_readable
from opsatlas.db.listing import (
    Column,
    FieldKind,
    ListQuery,
    field_columns,
    field_kinds,
    list_page,
)
from opsatlas.errors import NotFoundError
from opsatlas.groups import UNGROUPED

Fields = dict[str, Any]
"""A record by field name: columns, `cis` as names, links as lists of numbers."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with everything that hangs on it."""

    row: Record
    fields: Fields
    cis: Mapping[str, int | None]
    unseen: frozenset[str] = frozenset()
    """Numbers that it names of records that the caller may not read."""


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


def find(
    session: Session,
    noun: Noun[In, Patch, Out],
    numbers: Iterable[str],
    groups: frozenset[str] | None = UNGROUPED,
) -> dict[str, Stored]:
    """The records that have these numbers; left out are those that do not exist and those that a
    caller in `groups` (None: one who reads all) may not read."""
    rows: list[Record] = []
    for chunk in chunks(numbers):
        rows += session.scalars(
            select(noun.model).where(noun.model.number.in_(chunk), is_readable(noun.model, groups)),
            execution_options={"populate_existing": True},
        )
    return {each.row.number: each for each in _whole(session, noun, rows, groups)}


def get(
    session: Session,
    noun: Noun[In, Patch, Out],
    number: str,
    groups: frozenset[str] | None = UNGROUPED,
) -> Out:
    """The record that has this number. Raises NoSuchRecordError, also where it is kept from a
    caller in `groups`."""
    return out(noun, get_stored(session, noun, number, groups))


def get_stored(
    session: Session,
    noun: Noun[In, Patch, Out],
    number: str,
    groups: frozenset[str] | None = UNGROUPED,
) -> Stored:
    """The same with what hangs on it."""
    found = find(session, noun, [number], groups).get(number)
    if found is None:
        raise NoSuchRecordError(f"there is no {noun.label} {number!r}")
    return found


def list_records(
    session: Session,
    noun: Noun[In, Patch, Out],
    query: ListQuery,
    groups: frozenset[str] | None = UNGROUPED,
    *,
    ci_id: int | None = None,
    default_ordering: tuple[str, ...] = ("-id",),
) -> RecordPage[Out]:
    """One page of the records that a caller in `groups` may read, the newest first; of those about
    one CI only, where `ci_id` is given.

    `id` in filters and orderings is the order in which they were recorded. Raises
    InvalidListQueryError.
    """
    where = [is_readable(noun.model, groups)]
    if ci_id is not None:
        about = select(AffectedCI.record_id).where(
            AffectedCI.record_kind == noun.kind, AffectedCI.ci_id == ci_id
        )
        where.append(noun.model.id.in_(about))
    page = list_page(
        session,
        noun.model,
        _list_columns(noun, groups),
        query,
        default_ordering=default_ordering,
        where=where,
    )
    results = [out(noun, each) for each in _whole(session, noun, page.rows, groups)]
    return RecordPage(page.count, results, page.more, page.rows[-1].id if page.rows else None)


def list_kinds(noun: Noun[In, Patch, Out]) -> dict[str, FieldKind]:
    """What a list of these records can be filtered and ordered by, and what the values are."""
    return field_kinds(_list_columns(noun, None))


def out(noun: Noun[In, Patch, Out], stored: Stored) -> Out:
    """The record as it goes out, without the numbers that the caller is not to see."""
    unresolved = [name for name, ci_id in stored.cis.items() if ci_id is None]
    shown = stored.fields | {
        name: [number for number in stored.fields[name] if number not in stored.unseen]
        for name in noun.links
    }
    shown |= {name: None for name in noun.references if shown[name] in stored.unseen}
    own = {
        name: getattr(stored.row, name)
        for name in noun.output.model_fields
        if hasattr(stored.row, name)
    }
    return noun.output.model_validate(own | shown | {"unresolved_cis": unresolved})


def kinds_of(
    session: Session, numbers: Iterable[str], groups: frozenset[str] | None
) -> dict[str, RecordKind]:
    """Of which kind the record with each number is; left out are numbers that nothing has, or only
    what a caller in `groups` may not read."""
    kinds: dict[str, RecordKind] = {}
    for chunk in chunks(numbers):
        for noun in NOUNS:
            rows = session.scalars(
                select(noun.model.number).where(
                    noun.model.number.in_(chunk), is_readable(noun.model, groups)
                )
            )
            kinds |= dict.fromkeys(rows, noun.kind)
    return kinds


def labels_of(
    session: Session, numbers: Iterable[str], groups: frozenset[str] | None
) -> dict[str, str]:
    """What to call the record that has each number: of one that the caller may not read no more is
    told than that its number is taken, which has to be."""
    readable = kinds_of(session, numbers, groups)
    return {
        number: readable[number].replace("_", " ") if number in readable else "record"
        for number in kinds_of(session, numbers, None)
    }


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


def _whole(
    session: Session,
    noun: Noun[In, Patch, Out],
    rows: Sequence[Record],
    groups: frozenset[str] | None,
) -> list[Stored]:
    cis = affected(session, noun.kind, [row.id for row in rows])
    links = linked_numbers(session, noun, [row.number for row in rows])
    named = {number for of in links.values() for numbers in of.values() for number in numbers}
    named |= {getattr(row, name) for row in rows for name in noun.references} - {None}
    kinds = {*noun.links.values(), *noun.references.values()}
    unseen = frozenset(hidden_numbers(session, kinds, named, groups))
    return [
        Stored(
            row,
            {name: getattr(row, name) for name in noun.columns}
            | links[row.number]
            | {"cis": list(cis[row.id])},
            cis[row.id],
            unseen,
        )
        for row in rows
    ]


def _list_columns(noun: Noun[In, Patch, Out], groups: frozenset[str] | None) -> dict[str, Column]:
    columns: dict[str, Column] = {**field_columns(noun.model, without=("tags", "visibility"))}
    if groups is not None:
        columns |= {
            name: as_shown(getattr(noun.model, name), kind, groups)
            for name, kind in noun.references.items()
        }
    return columns
