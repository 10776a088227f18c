"""Keys: who may do what, and that no key says more than it must."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute

from api import keys
from api.app import _ROUTERS
from api.models import ApiKey
from api.strict_route import StrictRoute
from opsatlas.actor import SYSTEM, Role
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings
from tests.api.asking import Asker, problem

ROUTES = [
    (method, route)
    for router in _ROUTERS
    for route in router.routes
    if isinstance(route, StrictRoute)
    for method in sorted(route.methods or ())
]
IDS = [f"{method} {route.path}" for method, route in ROUTES]
READS_ONLY_FOR_ADMINS = ("/audit", "/jobs", "/keys")
ASKED_BY_POST = (
    "/impact",
    "/suspects",
    "/suggestions",
    "/changes/assess",
    "/relationship-types/{name}/preview",
)
RESPONDERS_WRITE = (
    "/incidents",
    "/known-errors",
    "/articles",
    "/changes",
    "/feedback",
    "/states",
    "/maintenance-windows",
)


def _path(route: APIRoute) -> str:
    return route.path_format.format(id="999", number="INC-999", name="x", attribute="owner")


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=IDS)
def test_a_route_wants_the_role_that_the_documentation_says(
    method: str, route: StrictRoute
) -> None:
    asks = method == "GET" or route.path in ASKED_BY_POST
    if route.path.startswith(READS_ONLY_FOR_ADMINS):
        expected = Role.ADMIN
    elif asks:
        expected = Role.READER
    elif route.path.startswith(RESPONDERS_WRITE):
        expected = Role.RESPONDER
    else:
        expected = Role.ADMIN
    assert route.role is expected


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=IDS)
def test_nobody_gets_in_without_a_key_or_with_too_low_a_role(
    stable_api: Asker, method: str, route: StrictRoute
) -> None:
    before = stable_api.row_counts()
    body = {"content": b"not even read", "headers": {"Content-Type": "nonsense"}}
    answer = stable_api.as_(None).request(method, _path(route), **body)
    problem(answer, 401, "invalid_key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert route.role is not None
    for role in Role:
        if not role.includes(route.role):
            answer = stable_api.as_(role).request(method, _path(route), **body)
            problem(answer, 403, "role_too_low")
    assert stable_api.row_counts() == before
    for role in Role:
        if role.includes(route.role):
            answer = stable_api.as_(role).request(method, _path(route), **body)
            assert answer.status_code not in (401, 403)


def _verdict(api: Asker, authorization: str | bytes) -> tuple[str, str]:
    answer = api.as_(None).get("/cis", headers={"Authorization": authorization})
    found = problem(answer, 401, "invalid_key")
    return found["detail"], found["code"]


def test_wrong_expired_and_revoked_keys_are_refused_in_the_same_words(any_api: Asker) -> None:
    engine, pepper = any_api.services.engine, any_api.services.pepper
    with transaction(engine) as session:
        expired = keys.create_key(session, pepper, Role.ADMIN, "old", SYSTEM, timedelta(seconds=-1))
        revoked = keys.create_key(session, pepper, Role.ADMIN, "gone", SYSTEM)
        keys.revoke_key(session, revoked.id, SYSTEM)
    told = {
        _verdict(any_api, f"Bearer {key}")
        for key in (
            expired.key,
            revoked.key,
            "opsatlas_" + "x" * 43,
            any_api.keys[Role.ADMIN][:-1],
            any_api.keys[Role.ADMIN] + "x",
            "x",
            "x" * 10_000,
        )
    }
    assert len(told) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Token abc",
        "bearerx abc",
        b"Bearer \xff\xfe\x80",
        "x",
    ],
)
def test_what_is_no_bearer_key_is_refused(api: Asker, authorization: str | bytes) -> None:
    _verdict(api, authorization)


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Digest"])
def test_a_key_under_another_scheme_is_refused(api: Asker, scheme: str) -> None:
    _verdict(api, f"{scheme} {api.keys[Role.ADMIN]}")


def test_the_scheme_may_be_written_in_any_case(api: Asker) -> None:
    headers = {"Authorization": f"bEARER {api.keys[Role.READER]}"}
    assert api.as_(None).get("/cis", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version", "/openapi.json"])
def test_health_and_description_want_no_key(api: Asker, path: str) -> None:
    assert api.http.get(path).status_code == 200


def test_a_key_is_made_shown_once_listed_and_revoked_over_http(any_api: Asker) -> None:
    made = any_api.post("/keys", {"name": "grafana", "role": "reader", "expires_in_days": 30})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key = made.json()
    assert set(key) == {"id", "role", "groups", "name", "expires_at", "key"}
    place = made.headers["location"].removeprefix("/api/v1")
    assert any_api.get(place).json()["name"] == "grafana"
    listed = any_api.get("/keys")
    assert key["key"] not in listed.text
    assert "digest" not in listed.text
    headers = {"Authorization": f"Bearer {key['key']}"}
    assert any_api.as_(None).get("/cis", headers=headers).status_code == 200
    assert any_api.request("DELETE", place).status_code == 204
    problem(any_api.as_(None).get("/cis", headers=headers), 401, "invalid_key")
    assert any_api.get(place).json()["revoked_at"] is not None
    assert any_api.request("DELETE", place).status_code == 204


def test_what_a_key_writes_is_in_the_audit_trail_under_its_name(any_api: Asker) -> None:
    made = any_api.as_(Role.RESPONDER).post(
        "/incidents", {"title": "x"}, headers={"X-Request-ID": "chat-1"}
    )
    entry = any_api.get(f"/audit?entity=incident&entity_id={made.json()['number']}").json()
    (found,) = entry["results"]
    assert found["actor"].endswith(":test responder")
    assert (found["role"], found["request_id"]) == ("responder", "chat-1")


def test_the_last_use_of_a_key_is_noted_beside_the_request(any_api: Asker) -> None:
    any_api.as_(Role.READER).get("/cis")
    any_api.services.key_uses.flush()
    with reading(any_api.services.engine) as session:
        used = {row.role: row.last_used_at for row in keys.list_keys(session)}
    assert used["responder"] is None
    assert used["reader"] is not None
    assert now() - used["reader"] < timedelta(minutes=1)


def test_a_key_that_was_used_a_moment_ago_is_not_written_again(api: Asker) -> None:
    api.get("/cis")
    api.services.key_uses.flush()
    api.get("/cis")
    assert not api.services.key_uses._used


def test_a_key_is_stored_as_a_hash_alone(api: Asker) -> None:
    with reading(api.services.engine) as session:
        digests = [row.digest for row in session.query(ApiKey)]
    assert all(len(digest) == 32 for digest in digests)
    database = api.services.settings.data_dir / "opsatlas.db"
    api.services.engine.dispose()
    assert api.keys[Role.ADMIN].encode() not in database.read_bytes()
    assert (database.parent / "key-pepper").stat().st_mode & 0o777 == 0o600


def test_many_first_starts_at_once_share_one_pepper(settings: Settings) -> None:
    with ThreadPoolExecutor(16) as starts:
        peppers = set(starts.map(lambda _: keys.pepper(settings), range(64)))
    assert len(peppers) == 1
    assert [file.name for file in settings.data_dir.iterdir()] == ["key-pepper"]


def test_an_emptied_pepper_is_not_replaced_in_silence(settings: Settings) -> None:
    keys.pepper(settings)
    (settings.data_dir / "key-pepper").write_bytes(b"")
    with pytest.raises(InvalidInputError, match="restore it from a backup"):
        keys.pepper(settings)
