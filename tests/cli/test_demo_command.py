"""`opsatlas demo`: loads once, tells the story each time, keeps off other people's data."""

import shutil
import stat
import time

import pytest

from api.cli import demo_data
from opsatlas.settings import Settings
from tests.cli.conftest import Cli, plain_words
from tests.demo_run import DemoRun


@pytest.mark.slow
def test_the_demo_tells_the_story_and_loads_only_once(
    cli: Cli, first_demo: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    first, data = first_demo, cli.folder / "demo-data"
    shutil.copytree(first.data, data)
    cli = cli.with_settings(data_dir=data.name)
    assert "encoding:" in first.err
    told = plain_words(first.out)
    for fact in (
        "customers get 502 after paying",
        "28% db-orders-01 database 2 of 2",
        "if it suffers: db-orders-01, hv-ham1-02",
        "db-orders-01 (database) failed",
        "orders-api (application) is down because it needs pgbouncer-orders (depends_on)",
        "Priority 1 (Critical): Checkout (criticality 1) is down",
        "payments-oncall",
        "Priority 1 (Critical) -> 2 (High): Checkout (criticality 1) is degraded",
        "This has happened before",
        "1. KE-0012",
        "Workaround Works in two to five minutes",
        "Why Similar in meaning, with the words",
        "on the same database, db-orders-01",
        "Perhaps related; check before you act on it",
        "No known match",
        "session-store login-api 2 of 3 rack-ham1-a03 (takes redis-session-01,",
        "rack-ham1-a03 failed: 8 services affected",
        "http://127.0.0.1:8040/api/v1/impact?failed=db-orders-01",
    ):
        assert fact in told
    copied = [line for line in first.out.splitlines() if not line.startswith("    ")]
    assert max(len(line) for line in copied) <= 80
    key = data / "demo-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key_before = key.read_text()

    begun = time.perf_counter()
    second = cli.done("demo")
    with capsys.disabled():
        print(f"\nsecond demo: {time.perf_counter() - begun:.1f} s")  # noqa: T201 - a measure
    assert "loading" not in second.err
    assert second.out == first.out
    assert key.read_text() == key_before

    answers = cli.done("demo", "--json").json
    assert answers["suggestions"]["verdict"] == "match"
    assert answers["a_little_like_it"]["verdict"] == "weak"
    assert answers["unheard_of"]["verdict"] == "no_match"
    assert answers["impact"]["priority"]["priority"] == 1
    assert answers["impact"]["what_if"]["after"]["priority"]["priority"] == 2
    assert "db-orders-01" in [each["name"] for each in answers["suspects"]["suspects"]]
    hidden = answers["weak_points"]["hidden_dependencies"][0]
    assert hidden["common"][0]["name"] == answers["weakest_fails"]["failed"][0]["name"]
    with cli.serving() as server:
        remote = cli.with_settings(url=server.url, api_key=key_before.strip())
        assert remote.done("impact", "db-orders-01", "--json").json["counts"]["down"] > 0

    (data / "demo-loaded").write_text("of another seed")
    assert "loading" in cli.done("demo").err, "changed seed data is loaded again"


def test_the_demo_keeps_off_data_that_is_not_its_own(cli: Cli) -> None:
    cli.done("load", "items.csv")
    result = cli("demo", "--json")
    assert result.code == 2
    assert "not the demo's" in result.json["detail"]
    assert len(cli.done("export").json["configuration_items"]) == 9
    other = cli.with_settings(database_url="sqlite:///other.db")
    assert other("demo").code == 2


def test_a_first_start_that_broke_off_is_taken_up_again(settings: Settings) -> None:
    demo_data.claim_folder(settings)
    (settings.data_dir / "opsatlas.db").touch()
    demo_data.claim_folder(settings)
