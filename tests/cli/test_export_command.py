"""`opsatlas export`: what it writes, loaded into an empty database, is the same inventory."""

import json
import zipfile
from typing import Any

from tests.cli.conftest import SEED, Cli, make_cli


def test_an_export_loads_into_the_same_inventory(cli: Cli) -> None:
    cli.done("load", *map(str, sorted((SEED / "inventory").glob("*.csv"))))
    first = cli.done("export").json
    assert len(first["configuration_items"]) == 562
    assert len(first["relationships"]) == 1513
    database = next(each for each in first["configuration_items"] if each["name"] == "db-orders-01")
    assert database["attributes"]["failover"] == "manual"
    other = make_cli(cli.folder / "other")
    other.write("inventory.json", json.dumps(first))
    report = other.done("load", "inventory.json", "--json").json
    assert report["configuration_items"]["created"] == 562
    assert other.done("export").json == first
    question = ("impact", "db-orders-01", "tor-ham1-a01", "--json")
    assert _states(cli.done(*question).json) == _states(other.done(*question).json)


def test_two_sources_with_one_key_are_kept_apart(cli: Cli) -> None:
    cli.write("a.csv", "key,name,ci_class\n17,web,server\n")
    cli.write("b.csv", "key,name,ci_class\n17,rack,rack\n")
    cli.write("r.csv", "dependent,provider,type\nweb,rack,located_in\n")
    cli.done("load", "a.csv", "--source", "netbox")
    cli.done("load", "b.csv", "--source", "facilities")
    exported = cli.done("export").json["configuration_items"]
    assert len({each["key"] for each in exported}) == 2


def test_an_export_may_go_to_a_file_and_come_from_a_server(shop: Cli, cli: Cli) -> None:
    key = shop.done("keys", "create", "--role", "reader", "--json").json["key"]
    with shop.with_settings(embedding_enabled="false").serving() as server:
        remote = cli.with_settings(url=server.url, api_key=key)
        told = remote.done("export", "--output", "out.json", "--json").json
    written = json.loads((cli.folder / "out.json").read_text())
    assert told == {"file": "out.json", "configuration_items": 9, "relationships": 7}
    assert written == shop.done("export").json


def test_tables_go_to_a_folder_or_an_archive_and_load_again(shop: Cli) -> None:
    told = shop.done("export", "--format", "csv", "--output", "tables", "--json").json
    assert told == {"file": "tables", "configuration_items": 9, "relationships": 7}
    shop.done("export", "--format", "csv", "--output", "tables.zip")
    with zipfile.ZipFile(shop.folder / "tables.zip") as archive:
        for name in archive.namelist():
            assert archive.read(name) == (shop.folder / "tables" / name).read_bytes()
    other = make_cli(shop.folder / "other")
    other.done("load", str(shop.folder / "tables"))
    other.done("export", "--format", "csv", "--output", "again")
    for table in (shop.folder / "tables").iterdir():
        assert (other.folder / "again" / table.name).read_bytes() == table.read_bytes()


def test_tables_need_a_place(shop: Cli) -> None:
    refused = shop("export", "--format", "csv")
    assert refused.code == 2
    assert "--output FOLDER" in refused.err


def test_an_export_into_nowhere_is_a_usage_error(shop: Cli) -> None:
    assert shop("export", "--output", "no/such/folder.json").code == 2
    assert shop("export", "--output", ".").code == 2


def _states(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["name"], each["state"]) for each in answer["services"]]
