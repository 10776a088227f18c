"""Files that cannot be loaded: each fault named by file, row and column, and nothing written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.asking import Asker, problem

CI = "name,ci_class"
NEED = "dependent,provider,type,redundancy_group,min_up"
HUGE = b"""{"configuration_items": [
    {"name": "a", "ci_class": "server", "attributes": {"n": 99999999999999999999}}
]}"""
NUL_IN_NAME = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\x00.csv"\r\n\r\n'
    b"name,ci_class\na,server\r\n--b--\r\n"
)
DEEP = b'{"configuration_items": ' + b"[" * 2000 + b"]" * 2000 + b"}"


@pytest.mark.parametrize(
    ("name", "content", "code", "row", "column"),
    [
        ("a.csv", f"{CI}\na,server,extra\n", "ragged_row", 2, None),
        ("a.csv", f"{CI}\nok,server\nb\n", None, 3, None),
        ("a.csv", "nmae,ci_class\na,server\n", None, None, None),
        ("a.csv", f"{CI}\na,databse\n", "unknown_ci_class", 2, "ci_class"),
        ("a.csv", f"{CI}\n,server\n", "missing_value", 2, "name"),
        ("a.csv", f"key,{CI}\nk,a,server\nk,b,server\n", "duplicate_key", 3, "key"),
        ("a.csv", f"{CI},criticality\na,server,5\n", "invalid_criticality", 2, "criticality"),
        ("a.csv", f"{CI},ip_address\na,server,10.0.0.300\n", "invalid_ip_address", 2, "ip_address"),
        ("a.csv", f"{CI},status\na,server,alive\n", "invalid_status", 2, "status"),
        ("a.csv", f"{NEED}\norders-api,db-9,depends_on,,\n", None, 2, "provider"),
        ("a.csv", f"{NEED}\ndb-1,db-1,depends_on,,\n", None, 2, None),
        ("a.csv", f"{NEED}\ndb-1,db-2,need,,\n", None, 2, "type"),
        ("a.csv", f"{NEED}\ndb-1,db-2,depends_on,g,2\n", None, 2, "min_up"),
        ("a.csv", f"{NEED}\ndb-1,db-2,depends_on,g,0\n", "invalid_min_up", 2, "min_up"),
        ("a.csv", f"{NEED}\ndb-1,db-2,depends_on,,1\n", "min_up_without_group", 2, "min_up"),
        ("a.csv", CI.encode() + b"\na\x00b,server\n", None, 2, None),
        ("a.csv", CI.encode() + b"\na\xff\xfe,server\n", None, None, None),
        ("a.csv", b"", "empty_file", None, None),
        ("a.bin", b"\x89PNG\r\n\x1a\n\x00\x00", None, None, None),
        ("a.json", b'{"configuration_items": [', "malformed_json", None, None),
        ("a.json", DEEP, "too_deep", None, None),
        ("a.json", b'{"configuration_items": [{"name": NaN}]}', None, None, None),
        (
            "a.json",
            b'{"configuration_items": [{"name": "\\ud800", "ci_class": "server"}]}',
            "control_character",
            None,
            None,
        ),
        ("a.json", HUGE, None, None, None),
        ("a.yaml", b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", None, None, None),
        ("a.yaml", b"configuration_items:\n  - name: [\n", None, None, None),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_a_report_that_says_where(
    stable_api: Asker, name: str, content: bytes | str, code: str | None, row: int, column: str
) -> None:
    before = stable_api.row_counts()
    answer = stable_api.upload("/imports", (name, content), source="small")
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["state"] == "failed"
    faults = [fault for fault in report["problems"] if fault["severity"] == "error"]
    assert all(fault["file"] == name and fault["message"] for fault in faults)
    if code is not None:
        assert code in [fault["code"] for fault in faults], faults
    if row is not None:
        assert row in [fault["row"] for fault in faults], faults
    if column is not None:
        assert column in [fault["column"] for fault in faults], faults
    # The run itself is kept, and that it was tried.
    written = {"import_run": 1, "audit_entry": 1}
    after = {name: count + written.get(name, 0) for name, count in before.items()}
    assert stable_api.row_counts() == after


def test_a_wrong_header_is_told_the_right_one(stable_api: Asker) -> None:
    answer = stable_api.upload("/imports", ("a.csv", "nmae,ci_class\na,server\n"))
    assert "name" in str([fault["hint"] for fault in answer.json()["problems"]])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"missing": "delete"}, 422),
        ({"dry_run": "perhaps"}, 422),
        ({"format": "xlsx2"}, 422),
        ({"source": " x "}, 422),
        ({"source": "x" * 65}, 422),
        ({"source": "a\x00b"}, 400),
        ({"dryrun": "true"}, 422),
        ({"source": "manual", "missing": "retire"}, 422),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    stable_api: Asker, fields: dict[str, str], status: int
) -> None:
    before = stable_api.row_counts()
    problem(stable_api.load_csv("new,server", **fields), status)
    assert stable_api.row_counts() == before


def test_a_misspelt_dry_run_does_not_become_a_load(stable_api: Asker) -> None:
    found = problem(stable_api.load_csv("new,server", dry_rum="true"), 422, "unknown_form_field")
    assert "did you mean 'dry_run'?" in found["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "multipart/form-data; boundary=b", 422),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (b"", "multipart/form-data", 400),
        (b"junk", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nnot a file\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
        (NUL_IN_NAME, "multipart/form-data; boundary=b", 400),
        (b"--b\r\n" * 5000, "multipart/form-data; boundary=b", 400),
        (b"x", "multipart/form-data; boundary=" + "b" * 300, 400),
    ],
)
@pytest.mark.parametrize("path", ["/imports", "/incidents/imports"])
def test_a_form_that_cannot_be_read_is_refused(
    stable_api: Asker, path: str, body: bytes, content_type: str, status: int
) -> None:
    before = stable_api.row_counts()
    problem(stable_api.post_bytes(path, body, content_type), status)
    assert stable_api.row_counts() == before


@pytest.mark.parametrize(
    ("noun", "content", "column"),
    [
        ("incidents", '{"title": "x"', None),
        ("incidents", '{"title": ""}', "title"),
        ("incidents", '{"title": "x", "status": "half"}', "status"),
        ("incidents", '{"title": "x", "opened_at": "soon"}', "opened_at"),
        ("incidents", '{"title": "a\\u0000b"}', None),
        ("incidents", '{"title": "\\ud800"}', None),
        ("incidents", '{"title": NaN}', None),
        ("incidents", '{"title": "x", "impact": 99999999999999999999}', "impact"),
        ("incidents", '{"number": "A", "title": "x"}\n{"number": "A", "title": "y"}', "number"),
        ("incidents", b"title\xff\nx\n", None),
        ("incidents", "[" * 3000, None),
        ("incidents", "tilte,description\nx,y\n", None),
        ("known-errors", '{"title": "x", "status": "gone"}', "status"),
        ("changes", '{"title": "x", "type": "sudden"}', "type"),
        ("feedback", '{"suggestion": "K", "incident": "I", "outcome": "helped"}', "suggestion"),
        ("articles", "---\ntitle: [\n---\nbody", None),
        ("articles", "---\nkind: poem\ntitle: x\n---\nbody", "kind"),
    ],
)  # fmt: skip
def test_a_file_of_records_that_is_wrong_is_a_report_that_says_where(
    stable_api: Asker, noun: str, content: str | bytes, column: str | None
) -> None:
    before = stable_api.row_counts()
    name = "a.md" if noun == "articles" else "a.csv" if "tilte" in str(content) else "a.jsonl"
    answer = stable_api.upload(f"/{noun}/imports", (name, content))
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["state"] == "failed"
    faults: list[dict[str, Any]] = report["problems"]
    assert faults
    assert all(fault["file"] == name and fault["message"] for fault in faults)
    if column is not None:
        assert column in [fault["column"] for fault in faults], faults
    assert stable_api.row_counts() == before


def test_half_a_character_in_a_form_is_refused(stable_api: Asker) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="source"\r\n\r\n\\ud800\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"name,ci_class\na,server\r\n--b--\r\n"
    )
    before = stable_api.row_counts()
    odd = "multipart/form-data; boundary=b; charset=unicode_escape"
    problem(stable_api.post_bytes("/imports", body, odd), 400, "malformed_json")
    assert stable_api.row_counts() == before


def test_with_partial_the_good_rows_are_loaded(any_api: Asker) -> None:
    report = any_api.load_csv("good,server", "bad,srver", partial="true").json()
    assert report["state"] == "done"
    assert report["configuration_items"]["created"] == 1
    assert report["configuration_items"]["rejected"] == 1
    assert [ci["name"] for ci in any_api.get("/cis").json()["results"]] == ["good"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(stable_api: Asker) -> None:
    before = stable_api.row_counts()
    report = stable_api.load_csv("new,server", dry_run="true").json()
    assert (report["id"], report["configuration_items"]["created"]) == (None, 1)
    assert stable_api.row_counts() == before
