"""Which CIs a record is about: from names as they were written to CIs, where one fits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem
from cmdb.names import did_you_mean, fold
from cmdb.references import CIReference, UnresolvedCIError, near_names, resolve
from kb.chunks import chunks
from kb.models import AffectedCI, RecordKind
from opsatlas.errors import ErrorItem, InvalidInputError

_HINTED = 20
"""Unknown names of one load that get a "did you mean": each costs a look through many names."""

CIs = Mapping[str, int | None]
"""The CIs of one record: id by the name as written, None where no CI fits, or several do."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The CIs of each list of references, and what could not be resolved."""

    cis: list[dict[str, int | None]]
    unresolved: list[ErrorItem]
    """Pointer `/list/position` of each reference that names no CI, or several."""


def resolve_lists(
    session: Session, lists: Sequence[Sequence[CIReference]], *, keep_unknown: bool
) -> Resolution:
    """Resolve many lists of references at once; retired CIs count, for history is about them too.

    With `keep_unknown` a name that fits no CI, or several, is kept as it was written; ids and keys
    must always fit. Raises UnresolvedCIError, whose pointers are `/list/position`.
    """
    wanted = list(dict.fromkeys(reference for references in lists for reference in references))
    wrong = _unknown_names(session, wanted) if keep_unknown else {}
    wanted = [reference for reference in wanted if reference not in wrong]
    try:
        found = resolve(session, wanted, pointer="", retired=True)
    except UnresolvedCIError as error:
        refused = {wanted[int(item.pointer.strip("/"))]: item for item in error.errors}
        if not keep_unknown or not all(isinstance(reference, str) for reference in refused):
            errors = _at_places(lists, refused)
            raise UnresolvedCIError(error.detail, hint=error.hint, errors=errors) from error
        wrong |= refused
        wanted = [reference for reference in wanted if reference not in wrong]
        found = resolve(session, wanted, pointer="", retired=True)
    ids: dict[CIReference, int] = dict(zip(wanted, found, strict=True))
    names = _names(session, ids)
    cis = [_named(row, references, ids, names) for row, references in enumerate(lists)]
    return Resolution(cis, _at_places(lists, wrong))


def link_unresolved(session: Session) -> int:
    """Link names that fitted no CI so far and fit one now; to be called after CIs were loaded.

    Returns how many names became CIs.
    """
    names = session.scalars(
        select(AffectedCI.name).where(AffectedCI.ci_id.is_(None)).distinct()
    ).all()
    unknown = _unknown_names(session, names, hinted=0)
    known = [name for name in names if name not in unknown]
    found = resolve_lists(session, [known], keep_unknown=True).cis[0]
    linked = [(name, ci_id) for name, ci_id in found.items() if ci_id is not None]
    for name, ci_id in linked:
        session.execute(
            update(AffectedCI)
            .where(AffectedCI.name == name, AffectedCI.ci_id.is_(None))
            .values(ci_id=ci_id)
        )
    return len(linked)


def move_links(session: Session, from_ci: int, to_ci: int) -> list[dict[str, Any]]:
    """Let all records about one CI be about another; returns which, as `give_back_links` wants."""
    mine = AffectedCI.ci_id == from_ci
    rows = session.execute(
        select(AffectedCI.record_kind, AffectedCI.record_id, AffectedCI.name)
        .where(mine)
        .order_by(AffectedCI.id)
    )
    moved = [
        {"record_kind": row.record_kind, "record_id": row.record_id, "name": row.name}
        for row in rows
    ]
    session.execute(update(AffectedCI).where(mine).values(ci_id=to_ci))
    return moved


def give_back_links(
    session: Session, moved: Sequence[Mapping[str, Any]], from_ci: int, to_ci: int
) -> int:
    """Let the records that moved be about `to_ci` again, and those that name it since; returns how
    many names of CIs that are."""
    known = {(each["record_kind"], each["record_id"], each["name"]) for each in moved}
    own = session.scalars(
        select(ConfigurationItem.folded_name).where(ConfigurationItem.id == to_ci)
    ).one()
    rows = session.scalars(select(AffectedCI).where(AffectedCI.ci_id == from_ci)).all()
    other = session.scalars(
        select(ConfigurationItem.folded_name).where(ConfigurationItem.id == from_ci)
    ).one()
    back = [
        row
        for row in rows
        if (row.record_kind, row.record_id, row.name) in known
        or (fold(row.name) == own and own != other)
    ]
    for row in back:
        row.ci_id = to_ci
    session.flush()
    return len(back)


def affected(
    session: Session, kind: RecordKind, record_ids: Iterable[int]
) -> dict[int, dict[str, int | None]]:
    """The CIs of each of these records, in the order in which they were written."""
    found: dict[int, dict[str, int | None]] = defaultdict(dict)
    for chunk in chunks(record_ids):
        rows = session.execute(
            select(AffectedCI.record_id, AffectedCI.name, AffectedCI.ci_id)
            .where(AffectedCI.record_kind == kind, AffectedCI.record_id.in_(chunk))
            .order_by(AffectedCI.id)
        )
        for row in rows:
            found[row.record_id][row.name] = row.ci_id
    return found


def store(session: Session, kind: RecordKind, by_record: Mapping[int, CIs]) -> None:
    """Make these the CIs of these records."""
    remove(session, kind, by_record)
    rows = [
        {"record_kind": kind.value, "record_id": record_id, "name": name, "ci_id": ci_id}
        for record_id, cis in by_record.items()
        for name, ci_id in cis.items()
    ]
    if rows:
        session.execute(insert(AffectedCI), rows)


def remove(session: Session, kind: RecordKind, record_ids: Iterable[int]) -> None:
    """Forget the CIs of these records."""
    for chunk in chunks(record_ids):
        session.execute(
            delete(AffectedCI).where(
                AffectedCI.record_kind == kind, AffectedCI.record_id.in_(chunk)
            )
        )


def _unknown_names(
    session: Session, references: Iterable[CIReference], hinted: int = _HINTED
) -> dict[CIReference, ErrorItem]:
    """The names among `references` that no CI has; the first `hinted` with the nearest names."""
    names = list(dict.fromkeys(each for each in references if isinstance(each, str)))
    existing: set[str] = set()
    for chunk in chunks({fold(name) for name in names}):
        existing |= set(
            session.scalars(
                select(ConfigurationItem.folded_name).where(
                    ConfigurationItem.folded_name.in_(chunk)
                )
            )
        )
    unknown = [name for name in names if fold(name) not in existing]
    items: dict[CIReference, ErrorItem] = {}
    for at, name in enumerate(unknown):
        near = [row.name for row in near_names(session, name)] if at < hinted else []
        items[name] = ErrorItem("", f"there is no CI {name!r}", name, did_you_mean(name, near))
    return items


def _names(session: Session, ids: Mapping[CIReference, int]) -> dict[CIReference, str]:
    """What each reference that is not a name calls its CI."""
    unnamed = {ci_id for reference, ci_id in ids.items() if not isinstance(reference, str)}
    names: dict[int, str] = {}
    for chunk in chunks(unnamed):
        rows = session.execute(
            select(ConfigurationItem.id, ConfigurationItem.name).where(
                ConfigurationItem.id.in_(chunk)
            )
        )
        names |= {row.id: row.name for row in rows}
    return {
        reference: names[ci_id]
        for reference, ci_id in ids.items()
        if not isinstance(reference, str)
    }


def _named(
    row: int,
    references: Sequence[CIReference],
    ids: Mapping[CIReference, int],
    names: Mapping[CIReference, str],
) -> dict[str, int | None]:
    cis: dict[str, int | None] = {}
    for at, reference in enumerate(references):
        name = reference if isinstance(reference, str) else names[reference]
        ci_id = ids.get(reference)
        if cis.setdefault(name, ci_id) != ci_id:
            raise InvalidInputError(
                f"two different CIs of one record are both called {name!r}",
                hint="one record can name only one of them",
                errors=[ErrorItem(f"/{row}/{at}", f"{name!r} is named twice", name)],
            )
    return cis


def _at_places(
    lists: Sequence[Sequence[CIReference]], items: Mapping[CIReference, ErrorItem]
) -> list[ErrorItem]:
    """The items once for each place at which their reference stands."""
    return [
        replace(items[reference], pointer=f"/{row}/{at}")
        for row, references in enumerate(lists)
        for at, reference in enumerate(references)
        if reference in items
    ]
