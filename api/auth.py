"""Who is asking: the bearer key of a request, checked against the role that its route needs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from api import keys
from api.keys import InvalidKeyError, VerifiedKey
from api.services import Services
from opsatlas.actor import Actor, Role
from opsatlas.clock import now
from opsatlas.db.kept_reader import CannotReadNowError
from opsatlas.db.transaction import reading
from opsatlas.errors import ForbiddenError

_bearer = HTTPBearer(auto_error=False, description="An API key: `opsatlas keys create`")


class RoleTooLowError(ForbiddenError):
    """The key's role may not do this."""

    code = "role_too_low"


def services(request: Request) -> Services:
    """What this process holds."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - create_app put it there
    return found


class Caller:
    """A dependency that gives the caller, whose role includes `role`.

    `StrictRoute` admits the caller before it reads the body; this hands on whom it admitted.
    """

    def __init__(self, role: Role) -> None:
        self.role = role

    def __call__(
        self,
        request: Request,
        _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Actor:
        caller = request.state.caller
        assert isinstance(caller, Actor)  # noqa: S101 - StrictRoute put it there
        return caller


async def admit(request: Request, role: Role) -> Actor:
    """Whoever sent `request`, if that may do what `role` may.

    Raises InvalidKeyError and RoleTooLowError.
    """
    held = services(request)
    request_id: str = request.state.request_id
    if held.local_actor is not None:
        return Actor(held.local_actor.name, held.local_actor.role, request_id)
    scheme, key = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme.lower() != "bearer" or not key:
        raise InvalidKeyError(
            "an API key is needed", hint="send it as `Authorization: Bearer <key>`"
        )
    found = _known(held, key)
    if found is None:
        found = await run_in_threadpool(_verified, held, key)
    if not found.role.includes(role):
        raise RoleTooLowError(f"this needs the role {role}, the key has {found.role}")
    return Actor(f"key:{found.id}:{found.name}", found.role, request_id, found.groups)


def _known(held: Services, key: str) -> VerifiedKey | None:
    """Whose key it is, where the process knows that and no key has changed since."""
    if held.reader is None:
        return None
    try:
        newest = held.reader.newest()
    except CannotReadNowError:
        return None
    return held.known_keys.get(keys.digest(key, held.pepper), newest, now())


def _verified(held: Services, key: str) -> VerifiedKey:
    with reading(held.engine) as session:
        found = keys.verify(session, held.pepper, key)
        held.known_keys.keep(session, keys.digest(key, held.pepper), found)
    if found.stale_use:
        held.key_uses.add(found.id)
    return found


Reader = Annotated[Actor, Depends(Caller(Role.READER))]
Responder = Annotated[Actor, Depends(Caller(Role.RESPONDER))]
Admin = Annotated[Actor, Depends(Caller(Role.ADMIN))]
Held = Annotated[Services, Depends(services)]
