"""The setting that names the systems to pull is read strictly, and says what is wrong in it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from cmdb.pulling.kinds import PULLERS
from cmdb.pulling.protocol import SourceRefusedError
from cmdb.pulling.schedule import Schedule
from cmdb.pulling.sources import (
    InvalidSyncSourceError,
    NoSuchSyncError,
    SyncSource,
    find_sync,
    read_sync_sources,
)

GOOD: dict[str, Any] = {
    "kind": "netbox",
    "url": "https://netbox.example/",
    "token_env": "NETBOX_TOKEN",
}


def source(**changes: Any) -> SyncSource:
    return read_sync_sources(json.dumps({"netbox": {**GOOD, **changes}}))["netbox"]


def test_a_source_has_sensible_defaults() -> None:
    found = source()
    assert found.url == "https://netbox.example"
    assert "dcim/devices" in found.asked_lists
    assert (found.timing, found.retire, found.is_incremental) == (None, False, True)
    assert found.overlapping == timedelta(minutes=10)


def test_the_setting_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sync.json"
    file.write_text(json.dumps({"netbox": GOOD}), "utf-8")
    assert list(read_sync_sources(str(file))) == ["netbox"]
    assert read_sync_sources("  ") == {}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "itop"}, "netbox/kind: Input should be"),
        ({"url": "netbox.example"}, "netbox/url: it must be an address"),
        ({"url": "https://me:secret@netbox.example"}, "netbox/url: it must hold neither a user"),
        ({"url": "http://netbox.example"}, "netbox/url: https:// is needed"),
        ({"schedule": "daily"}, "netbox/schedule: 'daily' is no span"),
        ({"schedule": "24:00"}, "netbox/schedule: '24:00' is no span"),
        ({"overlap": "02:30"}, "netbox/overlap: '02:30' is no span"),
        ({"full_every_days": -1}, "netbox/full_every_days: "),
        ({"token_file": "/token"}, "one of token_env and token_file"),
        ({"user": "me"}, "netbox/user: netbox knows tokens only"),
        ({"endpoints": ["dcim/device"]}, r"netbox/endpoints: .*did you mean 'dcim/devices'"),
        ({"shedule": "1h"}, r"netbox/shedule: there is no such entry .*'schedule'"),
        ({"kind": "servicenow", "token_env": ""}, "servicenow needs token_env or token_file"),
        ({"kind": "servicenow", "tables": ["x/y"]}, "netbox/tables: servicenow has no 'x/y'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSyncSourceError, match=told):
        source(**changes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("/no/such/file", "neither a JSON object nor the path of a file"),
        ('{"a": 1}', "a: it must be an object"),
        ('{"manual": {}}', "what people write"),
        ('{" a": {}}', "no name for a source"),
        ('{"a": {}, "a": {}}', "stands twice"),
    ],
)
def test_a_setting_that_cannot_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidSyncSourceError, match=told):
        read_sync_sources(text)


def test_the_token_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETBOX_TOKEN", " abc\n")
    assert source().headers() == {"Authorization": "Token abc"}
    file = tmp_path / "token"
    file.write_text("nbt_x.y\n")
    given = source(token_env="", token_file=str(file))
    assert given.headers() == {"Authorization": "Bearer nbt_x.y"}
    monkeypatch.delenv("NETBOX_TOKEN")
    with pytest.raises(SourceRefusedError, match="NETBOX_TOKEN holds no token"):
        source().headers()
    with pytest.raises(SourceRefusedError, match="cannot be read: No such file"):
        source(token_env="", token_file=str(tmp_path / "none")).headers()
    monkeypatch.setenv("NETBOX_TOKEN", "gehéim")
    with pytest.raises(SourceRefusedError, match="characters that no token has") as raised:
        source().headers()
    assert "gehéim" not in str(raised.value)


def test_a_name_that_is_not_pulled_is_answered_with_near_ones() -> None:
    with pytest.raises(NoSuchSyncError, match="did you mean 'netbox'"):
        find_sync({"netbox": source()}, "netbix")
    with pytest.raises(NoSuchSyncError, match="names none"):
        find_sync({}, "netbox")


def test_schedules() -> None:
    moment = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
    assert Schedule.read("6h").next_run(moment, moment) == moment + timedelta(hours=6)
    daily = Schedule.read("02:30")
    assert daily.daily_at == time(2, 30)
    assert daily.next_run(None, moment) == moment
    assert daily.next_run(moment, moment) == datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
    early = datetime(2026, 3, 4, 2, 29, tzinfo=UTC)
    assert daily.next_run(early, moment) == datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
    exactly = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
    assert daily.next_run(exactly, moment) == datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
    for wrong in ("", "0h", "1w", "h", "2:30", "-1d"):
        with pytest.raises(ValueError, match="is no span"):
            Schedule.read(wrong)


DOC = (Path(__file__).parents[3] / "docs" / "sync.md").read_text("utf-8")


def test_the_example_of_the_documentation_can_be_used() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    assert {each.kind for each in read_sync_sources(example).values()} == set(PULLERS)


def test_every_entry_is_documented_with_its_default() -> None:
    table = DOC[DOC.index("| entry |") : DOC.index("A user who may only read")]
    rows = re.findall(r"^\| (`[^|]*`) \|([^|]*)\|", table, re.MULTILINE)
    told = {name: default.strip(" `") for names, default in rows for name in _ticked(names)}
    fields = {**SyncSource.model_fields, "tables": None, "endpoints": None}
    assert told.keys() == fields.keys() - {"name", "lists"}
    for name in ("full_every_days", "retire", "partial", "page_size", "plain_http"):
        assert told[name] == str(SyncSource.model_fields[name].default).lower()


def _ticked(names: str) -> list[str]:
    return re.findall(r"`(\w+)`", names)
