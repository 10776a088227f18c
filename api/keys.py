"""API keys: 256 random bits, shown once, kept as HMAC-SHA256 with a pepper.

A slow password hash would buy nothing: there is no guessing 256 random bits, and it would cost
every request a tenth of a second (docs/decisions/0007-libraries.md).
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.models import ApiKey
from opsatlas import audit, revision
from opsatlas.actor import Actor, Role
from opsatlas.audit import Write
from opsatlas.clock import now, rfc3339
from opsatlas.db.listing import ListQuery, Page, field_columns, list_page
from opsatlas.errors import InvalidInputError, NotFoundError, UnauthenticatedError
from opsatlas.settings import Settings

PREFIX = "opsatlas_"
LIST_COLUMNS = field_columns(ApiKey, without=("digest", "groups"))
"""What a list of keys can be filtered and ordered by."""
REVISED = "api_key"
"""Kind of a change to a key in the change table."""
_USE_NOTED_EVERY = timedelta(minutes=1)


class GroupsOfAdminError(InvalidInputError):
    """An admin key was to be given groups."""

    code = "groups_of_admin"


class InvalidKeyError(UnauthenticatedError):
    """No key, or one that is unknown, expired or revoked; which of these is not told."""

    code = "invalid_key"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is made; `key` is never to be seen again."""

    id: int
    role: Role
    groups: list[str]
    name: str
    expires_at: datetime | None
    key: str


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """Whose key it is; `stale_use` says that its last use is worth noting again.

    Unless the key is changed all this is true until `good_until`.
    """

    id: int
    name: str
    role: Role
    groups: frozenset[str]
    stale_use: bool
    good_until: datetime


def pepper(settings: Settings) -> bytes:
    """The secret that keys are hashed with: the setting, or a file made once in the data folder."""
    configured = settings.key_pepper.get_secret_value()
    if configured:
        return configured.encode()
    path = settings.data_dir / "key-pepper"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_pepper(path)
    found = path.read_bytes().strip()
    if not found:
        raise InvalidInputError(
            f"{path} is empty", hint="restore it from a backup, or remove it and make new keys"
        )
    return found


def _make_pepper(path: Path) -> None:
    """Write a new pepper, whole or not at all; of two processes at once the first one's stays."""
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=".key-pepper-")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(made, path)
    finally:
        Path(made).unlink()


def create_key(
    session: Session,
    pepper_: bytes,
    role: Role,
    name: str,
    actor: Actor,
    lifetime: timedelta | None = None,
    groups: Sequence[str] = (),
) -> NewKey:
    """Make a key; `lifetime` None means that it does not expire.

    `groups` are those whose restricted records it may read. Raises GroupsOfAdminError.
    """
    if groups and role is Role.ADMIN:
        raise GroupsOfAdminError(
            "an admin key has no groups: it reads everything",
            hint="leave the groups out, or make a reader or responder",
        )
    key = PREFIX + secrets.token_urlsafe(32)
    created = now()
    row = ApiKey(
        name=name,
        role=role.value,
        groups=sorted(groups),
        digest=digest(key, pepper_),
        created_at=created,
        expires_at=created + lifetime if lifetime is not None else None,
        revoked_at=None,
        last_used_at=None,
    )
    session.add(row)
    session.flush()
    after = {"name": name, "role": role.value, "groups": row.groups}
    audit.record(session, actor, [Write("create", "api_key", row.id, None, after)])
    return NewKey(row.id, role, row.groups, name, row.expires_at, key)


def verify(session: Session, pepper_: bytes, key: str) -> VerifiedKey:
    """Whose key this is. Raises InvalidKeyError, in the same words whatever is wrong with it."""
    presented = digest(key, pepper_)
    row = session.scalars(select(ApiKey).where(ApiKey.digest == presented)).one_or_none()
    moment = now()
    if (
        row is None
        or not hmac.compare_digest(row.digest, presented)
        or row.revoked_at is not None
        or (row.expires_at is not None and row.expires_at <= moment)
    ):
        raise InvalidKeyError(
            "the API key is not valid", hint="make one with `opsatlas keys create --role reader`"
        )
    stale = row.last_used_at is None or moment - row.last_used_at > _USE_NOTED_EVERY
    used = moment if stale or row.last_used_at is None else row.last_used_at
    until = used + _USE_NOTED_EVERY
    good_until = until if row.expires_at is None else min(until, row.expires_at)
    return VerifiedKey(row.id, row.name, Role(row.role), frozenset(row.groups), stale, good_until)


def note_use(session: Session, key_id: int) -> None:
    """Keep when a key was last used; to the minute, so that reading does not become writing."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now()))


def revoke_key(session: Session, key_id: int, actor: Actor) -> None:
    """End a key at once. Raises NotFoundError."""
    row = get_key(session, key_id)
    if row.revoked_at is None:
        row.revoked_at = now()
        after = {"revoked_at": rfc3339(row.revoked_at)}
        audit.record(session, actor, [Write("revoke", "api_key", key_id, None, after)])
        revision.note(session, REVISED, [key_id])


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Every key, oldest first; none of them can be read from this."""
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()


def get_key(session: Session, key_id: int) -> ApiKey:
    """What is known of one key. Raises NotFoundError."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFoundError(f"there is no key {key_id}", hint="`opsatlas keys list` shows them")
    return row


def list_page_of_keys(session: Session, query: ListQuery) -> Page[ApiKey]:
    """One page of the keys, oldest first. Raises InvalidListQueryError."""
    return list_page(session, ApiKey, LIST_COLUMNS, query)


def digest(key: str, pepper_: bytes) -> bytes:
    """What is kept of a key: HMAC-SHA256 with the pepper, 32 bytes."""
    return hmac.new(pepper_, key.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
