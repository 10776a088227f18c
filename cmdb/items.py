"""Configuration items one by one, as the API reads and writes them; the source is `manual`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb import values
from cmdb.apply_records import write_identifiers
from cmdb.bulk import LoadRun, chunks
from cmdb.claims import MANUAL
from cmdb.classes import class_vocabulary
from cmdb.incoming import STORED
from cmdb.inventory import cis_out, stored_ci
from cmdb.item_checks import checked_fields, refuse
from cmdb.manual import new_record, said_by_hand, say
from cmdb.merged import refuse_merged
from cmdb.models import ConfigurationItem, ExternalKey, LifecycleStatus
from cmdb.names import fold
from cmdb.plain_text import RefusedValueError
from cmdb.precedence import class_roots
from cmdb.schemas import CIIn, CIOut, CIPatch
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.transaction import moment
from opsatlas.errors import ConflictError, ErrorItem, PreconditionFailedError

KEEP = 100_000
"""Default of `revision_keep`, as in the settings."""


class CITakenError(ConflictError):
    """There is such a configuration item already."""

    code = "ci_taken"


class StaleCIError(PreconditionFailedError):
    """The configuration item was changed since the caller read it."""

    code = "stale_version"


def create_cis(
    session: Session,
    items: Sequence[CIIn],
    actor: Actor,
    *,
    single: bool = False,
    revision_keep: int = KEEP,
) -> list[CIOut]:
    """Create CIs, all or none, in this order.

    `single` says that the input was one object rather than a list, for the pointers of errors.
    Raises InvalidCIError, and CITakenError where a key is taken or, for a CI without a key of its
    own, where one of its name and class is there.
    """
    revision.lock(session)
    classes = class_vocabulary(session)
    at_once = moment(session)
    rows: list[ConfigurationItem] = []
    keys: list[str] = []
    errors: list[ErrorItem] = []
    for position, item in enumerate(items):
        at = "" if single else f"/{position}"
        given = item.model_dump(exclude_unset=True)
        fields, wrong = checked_fields({"status": LifecycleStatus.ACTIVE, **given}, at, classes)
        key = fields.get("name") or ""
        try:
            key = values.key(item.key) or key
        except RefusedValueError as error:
            wrong.append(ErrorItem(f"{at}/key", error.message, item.key, error.hint))
        errors += wrong
        if not wrong:
            fields["attributes"] = _without_nulls(fields.get("attributes") or {})
            rows.append(_new(fields, at_once))
            keys.append(key)
    refuse(errors)
    _refuse_taken(session, items, rows, keys, single=single)
    session.add_all(rows)
    session.flush()
    session.add_all(
        new_record(row, key, said_by_hand({}, _said(_state(row))), actor)
        for key, row in zip(keys, rows, strict=True)
    )
    session.flush()
    _identify(session, rows, actor, new=True)
    audit.record(
        session,
        actor,
        [
            Write("create", "ci", row.id, None, {"key": key, **_said(_state(row))})
            for key, row in zip(keys, rows, strict=True)
        ],
    )
    revision.note(session, "ci", [row.id for row in rows], keep=revision_keep)
    return cis_out(session, rows)


def update_ci(
    session: Session,
    ci_id: int,
    patch: CIPatch,
    actor: Actor,
    *,
    if_version: int | None = None,
    revision_keep: int = KEEP,
) -> CIOut:
    """Change the fields that the patch sets; one that changes nothing leaves the version.

    Raises NoSuchCIError, MergedError for one that is part of another, StaleCIError where the
    version is not `if_version`, InvalidCIError.
    """
    revision.lock(session)
    row = stored_ci(session, ci_id)
    refuse_merged(row)
    _check_version(row, if_version)
    fields, errors = checked_fields(
        patch.model_dump(exclude_unset=True), "", class_vocabulary(session)
    )
    refuse(errors)
    if "attributes" in patch.model_fields_set and patch.attributes is None:
        fields["attributes"] = {}
    elif "attributes" in fields:
        fields["attributes"] = _without_nulls({**row.attributes, **fields["attributes"]})
    _write(session, row, fields, actor, revision_keep)
    return cis_out(session, [row])[0]


def retire_ci(
    session: Session,
    ci_id: int,
    actor: Actor,
    *,
    if_version: int | None = None,
    revision_keep: int = KEEP,
) -> None:
    """Retire a CI: it leaves the graph, and stays for history with its relationships.

    Raises NoSuchCIError, MergedError for one that is part of another, StaleCIError.
    """
    revision.lock(session)
    row = stored_ci(session, ci_id)
    refuse_merged(row)
    _check_version(row, if_version)
    _write(session, row, {"status": LifecycleStatus.RETIRED.value}, actor, revision_keep)


def _write(
    session: Session,
    row: ConfigurationItem,
    fields: dict[str, Any],
    actor: Actor,
    revision_keep: int,
) -> None:
    before, after = audit.difference(_state(row), fields)
    if not after:
        return
    for name, value in after.items():
        setattr(row, name, value)
    row.folded_name = fold(row.name)
    row.version += 1
    row.updated_at = moment(session)
    session.flush()
    say(session, row, said_by_hand(before, after), actor)
    _identify(session, [row], actor, new=False)
    retired = after.get("status") == LifecycleStatus.RETIRED
    action = "retire" if retired else "update"
    audit.record(session, actor, [Write(action, "ci", row.id, before, after)])
    revision.note(session, "ci", [row.id], keep=revision_keep)


def _identify(
    session: Session, rows: Sequence[ConfigurationItem], actor: Actor, *, new: bool
) -> None:
    roots = class_roots(session)
    load = LoadRun(session, MANUAL, actor, None, moment(session))
    cis = ((row.id, row.ci_class, _state(row), row.attributes) for row in rows)
    write_identifiers(load, cis, lambda name: roots.get(name, name), new=new)


def _new(fields: dict[str, Any], created_at: datetime) -> ConfigurationItem:
    return ConfigurationItem(
        **{name: fields.get(name) for name in (*STORED, "attributes")},
        folded_name=fold(fields["name"]),
        version=1,
        created_at=created_at,
        updated_at=created_at,
    )


def _refuse_taken(
    session: Session,
    items: Sequence[CIIn],
    rows: Sequence[ConfigurationItem],
    keys: Sequence[str],
    *,
    single: bool,
) -> None:
    """Raise CITakenError where a key, or without one a name in a class, is there already."""
    taken_keys = _taken_keys(session, keys)
    living = _living_by_name(session, {row.folded_name for row in rows})
    errors: list[ErrorItem] = []
    new: set[str] = set()
    for position, (item, row, key) in enumerate(zip(items, rows, keys, strict=True)):
        column = "key" if item.key else "name"
        same = taken_keys.get(key) or (
            None if item.key else living.get((row.folded_name, row.ci_class))
        )
        at = "" if single else f"/{position}"
        if key in new:
            message, hint = f"the {column} {key!r} is in the list twice", "give each a `key`"
            errors.append(ErrorItem(f"{at}/{column}", message, key, hint))
        elif same is not None:
            message = f"there is a CI {key!r} already: {same.id} ({same.ci_class}, {same.status})"
            hint = "change that one, or give the new one a `key` of its own"
            candidate = {"id": same.id, "name": same.name, "ci_class": same.ci_class}
            errors.append(ErrorItem(f"{at}/{column}", message, key, hint, (candidate,)))
        new.add(key)
    if errors:
        raise CITakenError(errors[0].detail, hint=errors[0].hint, errors=errors)


def _taken_keys(session: Session, keys: Sequence[str]) -> dict[str, ConfigurationItem]:
    found: dict[str, ConfigurationItem] = {}
    for some in chunks(keys):
        rows = session.execute(
            select(ExternalKey.key, ConfigurationItem)
            .join(ConfigurationItem, ConfigurationItem.id == ExternalKey.ci_id)
            .where(ExternalKey.source == MANUAL, ExternalKey.key.in_(some))
        )
        found |= {row[0]: row[1] for row in rows}
    return found


def _living_by_name(
    session: Session, names: Iterable[str]
) -> dict[tuple[str, str], ConfigurationItem]:
    found: dict[tuple[str, str], ConfigurationItem] = {}
    for some in chunks(names):
        rows = session.scalars(
            select(ConfigurationItem).where(
                ConfigurationItem.folded_name.in_(some),
                ConfigurationItem.status != LifecycleStatus.RETIRED,
            )
        )
        found |= {(row.folded_name, row.ci_class): row for row in rows}
    return found


def _check_version(row: ConfigurationItem, if_version: int | None) -> None:
    if if_version is not None and row.version != if_version:
        raise StaleCIError(
            f"the CI is at version {row.version}, not {if_version}",
            hint="read it again and repeat the change",
        )


def _state(row: ConfigurationItem) -> dict[str, Any]:
    return {name: getattr(row, name) for name in (*STORED, "attributes")}


def _said(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if value not in (None, {})}


def _without_nulls(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
