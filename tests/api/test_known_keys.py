"""A key that the process knows already is still refused at once when it no longer holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from api import keys
from api.known_keys import KnownKeys
from api.services import Services
from opsatlas import revision
from opsatlas.actor import SYSTEM, Role
from opsatlas.clock import now
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from tests.api.asking import Asker


@contextmanager
def _new_key(services: Services, lifetime: timedelta | None = None) -> Iterator[tuple[int, str]]:
    with transaction(services.engine) as session:
        made = keys.create_key(session, services.pepper, Role.READER, "mine", SYSTEM, lifetime)
    yield made.id, made.key


def _status(api: Asker, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return api.as_(None).get("/cis", headers=headers).status_code


def test_a_key_in_use_is_refused_at_the_next_request_after_another_process_revoked_it(
    any_api: Asker,
) -> None:
    with _new_key(any_api.services) as (key_id, key):
        assert [_status(any_api, key) for _ in range(3)] == [200, 200, 200]
        elsewhere = open_engine(any_api.services.settings)
        with transaction(elsewhere) as session:
            keys.revoke_key(session, key_id, SYSTEM)
        elsewhere.dispose()
        assert _status(any_api, key) == 401
        assert _status(any_api, any_api.keys[Role.READER]) == 200


def test_a_key_is_known_no_longer_than_it_lives(api: Asker) -> None:
    services = api.services
    with _new_key(services, timedelta(seconds=20)) as (_, key):
        with reading(services.engine) as session:
            found = keys.verify(session, services.pepper, key)
            known = KnownKeys()
            known.keep(session, b"digest", found)
            newest = revision.newest(session)
    assert known.get(b"digest", newest, now()) == found
    assert known.get(b"digest", newest, now() + timedelta(seconds=21)) is None
    assert known.get(b"digest", newest + 1, now()) is None


@pytest.mark.parametrize("role", [Role.READER, Role.RESPONDER])
def test_a_known_key_may_still_do_no_more_than_its_role(api: Asker, role: Role) -> None:
    asker = api.as_(role)
    assert asker.get("/cis").status_code == 200
    assert asker.get("/keys").status_code == 403
    assert asker.get("/cis").status_code == 200
