"""From the ways in which a caller names a CI to the CI, or an error that lists the candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem, ExternalKey, LifecycleStatus
from cmdb.names import did_you_mean, fold, nearest
from opsatlas.errors import ErrorItem, InvalidInputError

_NEAR_POOL = 20_000
"""Names of the same beginning that are looked through for "did you mean"."""
_CHUNK = 10_000  # SQLite takes 32,766 parameters a statement
_LISTED = 10

Name = Annotated[str, Field(min_length=1, max_length=255)]


class _Reference(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdReference(_Reference):
    """A CI by our id."""

    id: Annotated[int, Field(ge=1, le=2**63 - 1)]


class NameReference(_Reference):
    """A CI by its name, in one class where the name alone is ambiguous."""

    name: Name
    ci_class: Name | None = None


class KeyReference(_Reference):
    """A CI by the key under which a source knows it."""

    source: Name
    key: Annotated[str, Field(min_length=1, max_length=1024)]


def _form(reference: Any) -> str | None:
    """Which way of naming a CI this is, by its form, so that an error is about that way alone."""
    if isinstance(reference, str):
        return "name"
    given = reference.model_fields_set if isinstance(reference, BaseModel) else reference
    if not isinstance(given, dict | set):
        return None
    if "id" in given:
        return "by_id"
    return "by_key" if "source" in given or "key" in given else "by_name"


CIReference = Annotated[
    Annotated[Name, Tag("name")]
    | Annotated[IdReference, Tag("by_id")]
    | Annotated[NameReference, Tag("by_name")]
    | Annotated[KeyReference, Tag("by_key")],
    Discriminator(
        _form,
        custom_error_type="ci_reference",
        custom_error_message='a CI is a name, {"id": …}, {"name": …, "ci_class": …} or'
        ' {"source": …, "key": …}',
    ),
]
"""How a caller names a CI."""


class UnresolvedCIError(InvalidInputError):
    """References that name no CI, a retired one, or more than one; `errors` has each of them."""

    code = "unresolved_ci"


def resolve(
    session: Session,
    references: Sequence[CIReference],
    *,
    pointer: str = "/failed",
    retired: bool = False,
    among: Lookup | None = None,
) -> list[int]:
    """The id of each referenced CI, in the order of `references`.

    A name matches in any case; the exact spelling wins. Of several CIs with one name the ones that
    are not retired win. What was merged into another CI names that one. `among` are the CIs of
    another time than now. Raises UnresolvedCIError, which lists the candidates, where a reference
    fits none or several, or only a retired CI and `retired` is False.
    """
    known = among or CurrentCIs(session)
    wanted = [
        NameReference(name=reference) if isinstance(reference, str) else reference
        for reference in references
    ]
    by_name = known.by_name([each.name for each in wanted if isinstance(each, NameReference)])
    by_id = known.by_id([each.id for each in wanted if isinstance(each, IdReference)])
    ids: list[int] = []
    errors: list[ErrorItem] = []
    for position, reference in enumerate(wanted):
        if isinstance(reference, NameReference):
            rows = _narrowed(by_name.get(fold(reference.name), []), reference)
        elif isinstance(reference, IdReference):
            rows = [by_id[reference.id]] if reference.id in by_id else []
        else:
            rows = known.by_key(reference)
        rows = _followed(known, rows)
        living = [row for row in rows if row.status != LifecycleStatus.RETIRED]
        fitting = living or (rows if retired else [])
        if len(fitting) == 1:
            ids.append(fitting[0].id)
        else:
            item = _unresolved(session, f"{pointer}/{position}", reference, rows, fitting)
            errors.append(item if among is None else _then(item, among))
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise UnresolvedCIError(errors[0].detail + more, hint=errors[0].hint, errors=errors)
    return ids


def resolve_at(session: Session, references: Sequence[CIReference], at: Sequence[str]) -> list[int]:
    """As `resolve`, each reference with a pointer of its own."""
    try:
        return resolve(session, references, pointer="")
    except UnresolvedCIError as error:
        error.errors = tuple(
            replace(item, pointer=at[int(item.pointer.strip("/"))]) for item in error.errors
        )
        raise


class Found(Protocol):
    """What is known of a CI that a reference may mean."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def ci_class(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def merged_into(self) -> int | None: ...


class Lookup(Protocol):
    """The CIs of one time, by what callers name them by."""

    @property
    def when(self) -> str:
        """The time in words, such as `at 2026-03-04T10:00:00Z`."""

    @property
    def hint(self) -> str | None:
        """What to say where there is no such CI."""

    def by_name(self, names: Iterable[str]) -> Mapping[str, Sequence[Found]]:
        """CIs by folded name."""

    def by_id(self, ids: Iterable[int]) -> Mapping[int, Found]: ...

    def by_key(self, reference: KeyReference) -> Sequence[Found]: ...


class CurrentCIs(NamedTuple):
    """The CIs of now."""

    session: Session
    when: str = "now"
    hint: str | None = None

    def by_name(self, names: Iterable[str]) -> Mapping[str, Sequence[Found]]:
        """CIs by folded name."""
        return _by_name(self.session, names)

    def by_id(self, ids: Iterable[int]) -> Mapping[int, Found]:
        """CIs by id."""
        return _by_id(self.session, ids)

    def by_key(self, reference: KeyReference) -> Sequence[Found]:
        """The CIs that a source knows by this key."""
        return _by_key(self.session, reference)


_Found = Row[int, str, str, str, str, int | None]
_COLUMNS = (
    ConfigurationItem.id,
    ConfigurationItem.name,
    ConfigurationItem.folded_name,
    ConfigurationItem.ci_class,
    ConfigurationItem.status,
    ConfigurationItem.merged_into,
)


def _by_name(session: Session, names: Iterable[str]) -> dict[str, list[_Found]]:
    found: dict[str, list[_Found]] = defaultdict(list)
    folded = sorted({fold(name) for name in names})
    for start in range(0, len(folded), _CHUNK):
        chunk = folded[start : start + _CHUNK]
        for row in session.execute(
            select(*_COLUMNS).where(ConfigurationItem.folded_name.in_(chunk))
        ):
            found[row.folded_name].append(row)
    return found


def _by_id(session: Session, ids: Iterable[int]) -> dict[int, _Found]:
    wanted = sorted(set(ids))
    found: dict[int, _Found] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        for row in session.execute(select(*_COLUMNS).where(ConfigurationItem.id.in_(chunk))):
            found[row.id] = row
    return found


def _by_key(session: Session, reference: KeyReference) -> list[_Found]:
    return list(
        session.execute(
            select(*_COLUMNS)
            .join(ExternalKey, ExternalKey.ci_id == ConfigurationItem.id)
            .where(ExternalKey.source == reference.source, ExternalKey.key == reference.key)
        )
    )


def _followed(known: Lookup, rows: Sequence[Found]) -> list[Found]:
    """The rows, with the CIs that those became part of which were merged."""
    found = {row.id: row for row in rows}
    while merged := [row for row in found.values() if row.merged_into is not None]:
        found = {row.id: row for row in found.values() if row.merged_into is None}
        found |= known.by_id(row.merged_into for row in merged if row.merged_into is not None)
    return list(found.values())


def _then(item: ErrorItem, among: Lookup) -> ErrorItem:
    """The error about another time than now; what is near the name today does not help."""
    if item.detail.startswith("there is no"):
        detail = f"there was no{item.detail.removeprefix('there is no')} {among.when}"
        return replace(item, detail=detail, hint=among.hint, candidates=())
    return replace(item, detail=f"{item.detail} {among.when}")


def _narrowed(rows: Sequence[Found], reference: NameReference) -> Sequence[Found]:
    if reference.ci_class is not None:
        rows = [row for row in rows if row.ci_class == reference.ci_class]
    living = [row for row in rows if row.status != LifecycleStatus.RETIRED] or rows
    exact = [row for row in living if row.name == reference.name]
    return exact or living


def _unresolved(
    session: Session,
    pointer: str,
    reference: IdReference | NameReference | KeyReference,
    rows: Sequence[Found],
    fitting: Sequence[Found],
) -> ErrorItem:
    value = reference.model_dump(exclude_none=True)
    said = value["name"] if set(value) == {"name"} else value
    if fitting:
        return ErrorItem(
            pointer,
            f"{said!r} fits {len(fitting)} CIs",
            value=said,
            hint='say which: {"id": …} or {"name": …, "ci_class": …}',
            candidates=tuple(_candidate(row) for row in fitting[:_LISTED]),
        )
    if rows:
        return ErrorItem(
            pointer,
            f"the CI {said!r} is retired",
            value=said,
            hint="retired CIs take part in no analysis",
            candidates=tuple(_candidate(row) for row in rows[:_LISTED]),
        )
    if isinstance(reference, NameReference):
        near = near_names(session, reference.name)
        return ErrorItem(
            pointer,
            f"there is no CI {said!r}",
            value=said,
            hint=did_you_mean(reference.name, [row.name for row in near]),
            candidates=tuple(_candidate(row) for row in near),
        )
    return ErrorItem(pointer, f"there is no CI {said!r}", value=said)


def near_names(session: Session, name: str, limit: int = 5) -> list[_Found]:
    """The CIs that are not retired whose names are most like `name`, best first."""
    beginning = fold(name)[:2]
    living = select(*_COLUMNS).where(ConfigurationItem.status != LifecycleStatus.RETIRED)
    rows = {
        row.name: row
        for row in session.execute(
            living.where(ConfigurationItem.folded_name.startswith(beginning, autoescape=True))
            .order_by(ConfigurationItem.id)
            .limit(_NEAR_POOL)
        )
    }
    # A slip in the first two letters is rarer; look further only where the beginning fits nothing.
    near = nearest(name, rows, limit)
    if not near:
        rows = {row.name: row for row in session.execute(living.limit(_NEAR_POOL))}
        near = nearest(name, rows, limit)
    return [rows[each] for each in near]


def _candidate(row: Found) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "ci_class": row.ci_class}
