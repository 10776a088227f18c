"""Every error is a problem with an id, whoever raises it."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from api.auth import services as held_services
from api.services import Services
from opsatlas.actor import Role
from opsatlas.db.transaction import DatabaseBusyError
from opsatlas.settings import Settings
from tests.api.asking import Asker, InProcess, in_process, problem
from tests.api.company import serving


def test_what_is_not_there_is_a_problem(api: Asker) -> None:
    found = problem(api.get("/nothing"), 404, "not_found")
    assert found["detail"] == "there is nothing at /api/v1/nothing"


def test_a_method_that_is_not_possible_says_which_are(api: Asker) -> None:
    answer = api.request("PUT", "/cis")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = api.request("POST", "/cis/1")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


def test_an_address_with_a_slash_too_many_is_a_problem(api: Asker) -> None:
    problem(api.get("/cis/"), 404, "not_found")


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/cis", "/api/v1/nothing", "/openapi.json"])
def test_every_answer_has_a_request_id(api: Asker, path: str) -> None:
    given = api.http.get(path, headers={"X-Request-ID": "ticket-4711"})
    assert given.headers["x-request-id"] == "ticket-4711"
    assert len(api.http.get(path).headers["x-request-id"]) == 32


@pytest.mark.parametrize("junk", ["with spaces", "x" * 129, "ünïcode", "<script>"])
def test_a_request_id_that_could_harm_a_log_is_replaced(api: Asker, junk: str) -> None:
    answer = api.http.get("/healthz", headers=[(b"X-Request-ID", junk.encode("latin-1"))])
    assert len(answer.headers["x-request-id"]) == 32


def _failing(api: Asker, error: Exception) -> httpx.Response:
    transport = api.http._transport
    assert isinstance(transport, InProcess)
    app = transport.app

    def fail() -> None:
        raise error

    app.dependency_overrides[held_services] = fail
    return api.get("/cis", headers={"X-Request-ID": "req-1"})


class _OddError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even its message fails")


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), _OddError(), KeyError("x")])
def test_what_nobody_foresaw_is_a_problem_with_the_id_and_without_the_details(
    api: Asker, error: Exception
) -> None:
    answer = _failing(api, error)
    found = problem(answer, 500, "internal_error")
    assert found["request_id"] == "req-1"
    assert "secret" not in answer.text


def test_a_database_that_is_away_is_503_and_says_when_to_try_again(api: Asker) -> None:
    answer = _failing(api, OperationalError("SELECT 1", {}, Exception("gone")))
    problem(answer, 503, "database_unavailable")
    assert answer.headers["retry-after"] == "5"


def test_a_database_that_is_busy_is_503(api: Asker) -> None:
    answer = _failing(api, DatabaseBusyError("another writer holds the database"))
    problem(answer, 503, "database_busy")
    assert answer.headers["retry-after"] == "1"


def test_a_writer_that_waits_too_long_is_told_so(api_settings: Settings) -> None:
    quick = api_settings.model_copy(update={"sqlite_busy_timeout": 0.05})
    with in_process(Services(quick)) as api:
        with api.services.engine.connect() as other:
            other.exec_driver_sql("ROLLBACK")
            other.exec_driver_sql("BEGIN IMMEDIATE")
            problem(api.post("/cis", {"name": "a", "ci_class": "server"}), 503, "database_busy")
            assert api.get("/cis").status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 422, "invalid_request"),
        (b"", "", 422, "invalid_request"),
        (b"   ", "application/json", 400, "malformed_json"),
        (b"{", "application/json", 400, "malformed_json"),
        (b'{"failed": ["a"],}', "application/json", 400, "malformed_json"),
        (b'{"failed": ["\xff\xfe"]}', "application/json", 400, "malformed_json"),
        (b'{"failed": ["a\\u0000b"]}', "application/json", 400, "malformed_json"),
        (b'{"failed": ["\\ud800"]}', "application/json", 400, "malformed_json"),
        (b'{"failed": ["a"], "limit": NaN}', "application/json", 400, "malformed_json"),
        (b'{"failed": ["a"], "limit": Infinity}', "application/json", 400, "malformed_json"),
        (b'{"failed": ["a"], "limit": 1e999}', "application/json", 400, "malformed_json"),
        (b'{"failed": [{"id": 9223372036854775808}]}', "application/json", 400, "malformed_json"),
        (b'{"failed": [' + b"1" * 5000 + b"]}", "application/json", 400, "malformed_json"),
        (b'{"failed": ["a"], "failed": ["b"]}', "application/json", 400, "malformed_json"),
        (b"[" * 100 + b"]" * 100, "application/json", 400, "malformed_json"),
        (b"[" * 200_000, "application/json", 400, "malformed_json"),
        (b'"db-1"', "application/json", 422, "invalid_request"),
        (b"[]", "application/json", 422, "invalid_request"),
        (b"null", "application/json", 422, "invalid_request"),
        (b'{"failed": ["a"]}', "text/plain", 415, "unsupported_media_type"),
        (b'{"failed": ["a"]}', "", 415, "unsupported_media_type"),
        (b'{"failed": ["a"]}', "text/json+json", 415, "unsupported_media_type"),
        (b"failed=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"failed": ["a"]}', "application/json, text/plain", 415, "unsupported_media_type"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_by_name(
    api: Asker, body: bytes, content_type: str, status: int, code: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    problem(api.request("POST", "/impact", content=body, headers=headers), status, code)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_by_its_other_names_is_read(small: Asker, content_type: str) -> None:
    assert small.post_bytes("/impact", b'{"failed": ["db-1"]}', content_type).status_code == 200


def test_a_compressed_body_is_refused(api: Asker) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = api.request("POST", "/impact", content=b"\x1f\x8b", headers=headers)
    problem(answer, 415, "unsupported_media_type")


def test_a_form_where_json_is_wanted_and_the_reverse_are_refused(api: Asker) -> None:
    problem(api.upload("/impact", ("a.csv", "name\n")), 415, "unsupported_media_type")
    problem(api.post("/imports", {"file": "x"}), 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/impact", "/incidents", "/cis"])
def test_ten_megabytes_are_too_much_for_json(server: Asker, path: str) -> None:
    body = b'{"failed": ["' + b"x" * 10_000_000 + b'"]}'
    problem(server.post_bytes(path, body), 413, "body_too_large")


def _answer(line: socket.socket) -> str:
    """One whole answer; its head and its body may come apart."""
    with line.makefile("rb") as lines:
        head = b"".join(iter(lines.readline, b"\r\n"))
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None
        return (head + lines.read(int(length[1]))).decode()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/impact", "application/json"),
        ("/cis", "application/json"),
        ("/imports", "multipart/form-data; boundary=b"),
    ],
)
def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(
    api_settings: Settings, path: str, content_type: str
) -> None:
    limits = {"max_body_bytes": 100_000, "max_upload_bytes": 100_000}
    settings = api_settings.model_copy(update=limits)
    with in_process(Services(settings)) as asker:  # for its keys
        key = asker.keys[Role.ADMIN]
    with serving(Services(settings)) as address:
        place = urlsplit(address)
        with socket.create_connection((place.hostname or "", place.port or 0), 10) as line:
            line.sendall(
                f"POST /api/v1{path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            start = b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
            for part in (start, *[b" " * 0x10000] * 3):
                line.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            answer = _answer(line)
    assert answer.startswith("HTTP/1.1 413")
    assert "application/problem+json" in answer
    assert '"code":"body_too_large"' in answer


@pytest.mark.parametrize(
    "path",
    [
        "/cis?name=a%00b",
        "/impact?failed=a%00b",
        "/incidents/INC%00",
        "/ci-classes/a%00",
        "/cis/1%00",
        "/cis?%00=1",
    ],
)
def test_a_nul_in_an_address_is_refused(stable_api: Asker, path: str) -> None:
    problem(stable_api.get(path), 400, "unreadable_address")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cis/99999999999999999999", 422),
        ("/cis/9223372036854775808", 422),
        ("/cis/9223372036854775807", 404),
        ("/cis/0", 422),
        ("/cis/-1", 422),
        ("/cis/abc", 422),
        ("/cis/1.5", 422),
        (f"/cis/{'9' * 5000}", 422),
        ("/cis/%ff%fe", 422),
        ("/cis/1/history?limit=99999999999999999999", 422),
        ("/cis/1/neighbours?hops=99999999999999999999", 422),
        ("/cis/1/neighbours?hops=-1", 422),
        ("/relationships/99999999999999999999", 422),
        ("/imports/99999999999999999999", 422),
        ("/audit/99999999999999999999", 422),
        ("/jobs/99999999999999999999", 422),
        ("/keys/99999999999999999999", 422),
        ("/incidents/%ff", 404),
        ("/incidents/" + "x" * 5000, 404),
        ("/incidents/INC-0001'%20OR%201=1", 404),
        ("/known-errors/%F0%9F%92%A5", 404),
        ("/cis?limit=0", 422),
        ("/cis?limit=1001", 422),
        ("/cis?limit=99999999999999999999", 422),
        ("/cis?limit=ten", 422),
        ("/cis?limit=", 422),
        ("/cis?offset=-1", 422),
        ("/cis?offset=99999999999999999999", 422),
        ("/cis?offset=9223372036854775807", 200),
        ("/cis?id=99999999999999999999", 422),
        ("/cis?id__gte=1e3", 422),
        ("/cis?id__ic=1", 422),
        ("/cis?created_at__gte=yesterday", 422),
        ("/cis?created_at__gte=9999-12-31T23:59:59-23:59", 422),
        ("/cis?created_at__ic=2026", 422),
        ("/cis?nosuch=1", 422),
        ("/cis?name__nosuch=1", 422),
        ("/cis?attributes=1", 422),
        ("/cis?ordering=nosuch", 422),
        ("/cis?ordering=-id,-name", 200),
        ("/cis?fields=nosuch", 422),
        ("/cis?cursor=junk", 422),
        ("/cis?cursor=%F0%9F%92%A5", 422),
        ("/cis?cursor=YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk=", 422),
        ("/cis?as_of=2026-01-01T00:00:00Z", 200),
        ("/cis?as_of=2999-01-01T00:00:00Z", 422),
        ("/diff?from=2026-01-01&ci=nosuch", 422),
        ("/cis?name=%ed%a0%80", 200),
        ("/cis?name__ic=%25_%5C", 200),
        ("/impact", 422),
        ("/impact?failed=", 422),
        ("/impact?failed=a&limit=-1", 422),
        ("/impact?failed=a&limit=99999999999999999999", 422),
        ("/impact?failed=a&max_depth=99999999999999999999", 422),
        ("/impact?failed=a&urgency=extreme", 422),
        ("/impact?faild=a", 422),
        ("/impact?failed=" + "x" * 300, 422),
        ("/ci-classes?ordering=name", 422),
        ("/ci-classes?cursor=", 422),
        ("/export?format=xml", 422),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_never_fails_us(
    stable_api: Asker, path: str, status: int
) -> None:
    answer = stable_api.get(path)
    if status == 200:
        assert answer.status_code == 200, answer.text
    else:
        problem(answer, status)


def test_a_misspelt_parameter_is_told_the_right_one(api: Asker) -> None:
    found = problem(api.get("/impact?faild=db-1"), 422, "unknown_parameter")
    assert found["errors"][0] == {
        "pointer": "/query/faild",
        "detail": "there is no such parameter",
        "hint": "did you mean 'failed'?",
    }


def test_an_option_of_a_load_in_the_address_is_refused_instead_of_overlooked(api: Asker) -> None:
    answer = api.upload("/imports?dry_run=true", ("cis.csv", "name,ci_class\na,server\n"))
    problem(answer, 422, "unknown_parameter")
    assert api.get("/cis").json()["count"] == 0
