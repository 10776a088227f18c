"""`opsatlas load` and the loading of records: reports, problems with their places, exit codes."""

import json
from pathlib import Path

from cmdb.schemas import ImportReport
from kb.loads import LoadReport
from tests.cli.conftest import SEED, Cli, RunningShop, plain_words


def test_a_load_counts_and_a_second_one_changes_nothing(cli: Cli) -> None:
    first = ImportReport.model_validate(
        cli.done("load", "items.csv", "relationships.csv", "--json").json
    )
    assert first.configuration_items.created == 9
    assert first.relationships.created == 7
    second = cli.done("load", "items.csv", "relationships.csv")
    assert "Nothing to change" in second.out
    assert max(len(line) for line in second.out.splitlines()) <= 80


def test_a_dry_run_writes_nothing(cli: Cli) -> None:
    report = cli.done("load", "items.csv", "--dry-run", "--json").json
    assert report["dry_run"] is True
    assert report["configuration_items"]["created"] == 9
    assert json.loads(cli.done("export").out)["configuration_items"] == []


def test_a_problem_has_its_place_and_nothing_is_loaded(cli: Cli) -> None:
    cli.write("bad.csv", "name,ci_class,ip_address\nweb,server,10.0.0.300\ndb,databse,\n")
    result = cli("load", "bad.csv")
    assert result.code == 1
    said = plain_words(result.out)
    assert "Nothing was loaded" in said
    assert "bad.csv:2:ip_address" in said
    assert "10.0.0.300" in said
    assert "did you mean" in said
    assert max(len(line) for line in result.out.splitlines()) <= 80
    assert json.loads(cli.done("export").out)["configuration_items"] == []


def test_partial_loads_the_good_rows_and_still_says_1(cli: Cli) -> None:
    cli.write("bad.csv", "name,ci_class\nweb,server\ndb,databse\n")
    result = cli("load", "bad.csv", "--partial", "--json")
    assert result.code == 1
    counts = ImportReport.model_validate(result.json).configuration_items
    assert (counts.created, counts.rejected) == (1, 1)


def test_missing_retire_retires_what_the_source_no_longer_has(cli: Cli) -> None:
    cli.write("all.csv", "name,ci_class\n" + "".join(f"s{n},server\n" for n in range(10)))
    cli.write("fewer.csv", "name,ci_class\n" + "".join(f"s{n},server\n" for n in range(9)))
    cli.done("load", "all.csv", "--source", "netbox")
    arguments = ("load", "fewer.csv", "--source", "netbox", "--missing", "retire", "--json")
    assert cli.done(*arguments).json["configuration_items"]["retired"] == 1


def test_a_format_can_be_named_and_a_file_piped(cli: Cli) -> None:
    text = b'{"configuration_items": [{"name": "web", "ci_class": "server"}]}'
    report = cli.done("load", "-", "--format", "native_json", "--json", stdin=text).json
    assert report["configuration_items"]["created"] == 1
    assert cli("load", "-", "--format", "xml", stdin=text).code == 1


def test_files_that_cannot_be_read_are_usage_errors(cli: Cli) -> None:
    (cli.folder / "folder").mkdir()
    for name, told in (("nowhere.csv", "there is no file"), ("folder", "no file to load")):
        result = cli("load", "items.csv", name)
        assert result.code == 2
        assert told in result.err
    assert not cli.data.exists()
    assert cli("load").code == 2


def test_an_empty_file_is_a_problem(cli: Cli) -> None:
    result = cli("load", cli.write("empty.csv", ""))
    assert result.code == 1
    assert "the file is empty" in plain_words(result.out)


def test_records_of_every_kind_load(cli: Cli) -> None:
    history = SEED / "incidents"
    for noun, source in (
        ("known-errors", history / "known_errors.jsonl"),
        ("incidents", history / "incidents.jsonl"),
        ("changes", history / "changes.jsonl"),
        ("articles", SEED / "articles"),
        ("feedback", history / "feedback.jsonl"),
    ):
        report = LoadReport.model_validate(cli.done(noun, "load", str(source), "--json").json)
        assert getattr(report, noun.replace("-", "_")).created >= 38
    again = cli.done("incidents", "load", str(history / "incidents.jsonl"))
    assert "Nothing to change" in again.out


def test_a_bad_record_names_file_line_and_field(cli: Cli) -> None:
    cli.write("bad.jsonl", '{"title": "a"}\n{"title": "b", "status": "opne"}\n')
    result = cli("incidents", "load", "bad.jsonl")
    assert result.code == 1
    said = plain_words(result.out)
    assert "bad.jsonl:2:status" in said
    assert "opne" in said


def test_a_folder_of_articles_must_be_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    for place in ("nowhere", "items.csv", str(tmp_path / "bare")):
        result = cli("articles", "load", place)
        assert result.code == 2
        assert place in plain_words(result.err).replace(" ", "") or place in result.err


def test_a_responder_may_not_load_an_inventory_at_a_server(shop_server: RunningShop) -> None:
    result = shop_server.cli("load", "items.csv", "--json")
    assert result.code == 1
    assert result.json["code"] == "role_too_low"


def test_a_large_load_at_a_server_is_waited_for(cli: Cli) -> None:
    key = cli.done("keys", "create", "--role", "admin", "--json").json["key"]
    serving = cli.with_settings(import_background_bytes="100", embedding_enabled="false")
    cli.write("compose.yaml", "services:\n  web:\n    image: nginx\n" + "#" * 100)
    cli.write("ours.toml", 'format = "compose"\n[classes]\n"*" = "middleware"\n')
    with serving.serving() as server:
        remote = cli.with_settings(url=server.url, api_key=key)
        arguments = ("load", "compose.yaml", "--mapping", "ours.toml", "--set", "project=shop")
        mapped = remote.done(*arguments, "--json").json
        assert (mapped["source"], mapped["mapping"]) == ("compose", "ours.toml")
        assert "servicenow" in remote.done("sources", "list").out
        report = remote.done("load", "items.csv", "relationships.csv", "--json").json
    assert report["state"] == "done"
    assert report["configuration_items"]["created"] == 9
