"""`opsatlas backup` and `restore`: one file of one moment, with the keys; never half a database."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import httpx

from tests.cli.conftest import Cli, make_cli


def test_a_backup_restores_the_inventory_and_its_keys(cli: Cli) -> None:
    cli.done("load", "items.csv", "relationships.csv")
    key = cli.done("keys", "create", "--role", "reader", "--json").json["key"]
    made = cli.done("backup", "whole.backup", "--json").json
    file = cli.folder / "whole.backup"
    assert made["key_pepper"] is True
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(each.name for each in cli.folder.iterdir() if "backup" in each.name) == [
        "whole.backup"
    ]
    other = make_cli(cli.folder / "other")
    found = other.done("restore", str(file), "--json").json
    assert found["created_at"] == made["created_at"]
    assert other.done("export").out == cli.done("export").out
    with other.with_settings(embedding_enabled="false").serving() as server:
        remote = other.with_settings(url=server.url, api_key=key)
        assert remote.done("impact", "api-1", "--json").json["counts"]["at_risk"] == 1
    assert "opsatlas_backup" not in tables(other.data / "opsatlas.db")
    assert key_pepper_pages(other) == 0


def test_a_backup_is_of_one_moment_while_others_write(cli: Cli) -> None:
    cli.done("db", "upgrade")
    stop = threading.Event()
    writer = threading.Thread(target=write_pairs, args=(cli.data / "opsatlas.db", stop))
    writer.start()
    try:
        cli.done("backup", "busy.backup")
    finally:
        stop.set()
        writer.join()
    with sqlite3.connect(cli.folder / "busy.backup") as backup:
        assert backup.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = backup.execute("SELECT count(*) FROM source WHERE name LIKE 'pair-%'").fetchone()
    assert rows[0] > 0
    assert rows[0] % 2 == 0, "half a unit of work is in the backup"


def test_nothing_is_replaced_unless_forced(cli: Cli) -> None:
    cli.done("load", "items.csv")
    cli.done("backup", "a.backup")
    assert cli("backup", "a.backup").code == 2
    assert cli("backup", "data/opsatlas.db", "--force").code == 2
    assert cli("restore", "a.backup").code == 2
    cli.done("load", "relationships.csv")
    cli.done("restore", "a.backup", "--force")
    assert cli.done("export").json["relationships"] == []


def test_a_database_in_use_is_not_replaced(cli: Cli) -> None:
    cli.done("load", "items.csv")
    cli.done("backup", "a.backup")
    with cli.with_settings(embedding_enabled="false").serving() as server:
        assert httpx.get(f"{server.url}/readyz", timeout=60).is_success
        result = cli("restore", "a.backup", "--force", "--json")
    assert result.code == 1
    assert result.json["code"] == "database_in_use"
    assert len(cli.done("export").json["configuration_items"]) == 9


def test_what_is_no_backup_of_ours_is_refused(cli: Cli) -> None:
    cli.done("load", "items.csv")
    cli.done("backup", "good.backup")
    whole = (cli.folder / "good.backup").read_bytes()
    middle = len(whole) // 2
    damaged = whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :]
    (cli.folder / "damaged").write_bytes(damaged)
    (cli.folder / "short").write_bytes(whole[:middle])
    (cli.folder / "empty").write_bytes(b"")
    with sqlite3.connect(cli.folder / "foreign") as foreign:
        foreign.execute("CREATE TABLE alembic_version (version_num TEXT)")
        foreign.execute("INSERT INTO alembic_version VALUES ('0001')")
    (cli.folder / "future").write_bytes(whole)
    with sqlite3.connect(cli.folder / "future") as future:
        future.execute("UPDATE alembic_version SET version_num = '9999'")
    names = ("items.csv", "damaged", "short", "empty", "foreign", "future", "nowhere", "data")
    for name in names:
        result = cli("restore", name, "--force", "--json")
        assert result.code == 2, name
        assert name in result.json["detail"]
    assert len(cli.done("export").json["configuration_items"]) == 9


def test_a_broken_database_and_its_journal_can_be_replaced(cli: Cli) -> None:
    cli.done("load", "items.csv")
    cli.done("backup", "a.backup")
    database, journal = cli.data / "opsatlas.db", cli.data / "opsatlas.db-wal"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO source (name, description, created_at)"
            " VALUES ('late', '', '2026-01-01 00:00:00')"
        )
        connection.commit()
        late = journal.read_bytes()
    database.write_bytes(b"broken" * 1000)
    journal.write_bytes(late)
    cli.done("restore", "a.backup", "--force")
    with closing(sqlite3.connect(database)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM source")}
    assert "native" in names
    assert "late" not in names, "the journal of the old database was read into the new one"


def test_there_must_be_something_to_back_up_and_a_place(cli: Cli) -> None:
    assert cli("backup", "a.backup").code == 2
    cli.done("db", "upgrade")
    assert cli("backup", "no/such/place").code == 2
    assert cli("backup", "data").code == 2


def test_postgresql_is_sent_to_its_own_tools(cli: Cli) -> None:
    other = cli.with_settings(database_url="postgresql://ops:secret@db.example/ops")
    for command, tool in (("backup", "pg_dump"), ("restore", "pg_restore")):
        result = other(command, "a.backup", "--json")
        assert result.code == 2
        assert tool in result.json["detail"]
        assert "postgresql://ops@db.example/ops" in result.json["detail"]


def write_pairs(database: Path, stop: threading.Event) -> None:
    """Two rows in each unit of work, again and again."""
    statement = (
        "INSERT INTO source (name, description, created_at) VALUES (?, '', '2026-01-01 00:00:00')"
    )
    with sqlite3.connect(database, isolation_level=None, timeout=30) as connection:
        number = 0
        while not stop.is_set():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement, [f"pair-{number}-a"])
            connection.execute(statement, [f"pair-{number}-b"])
            connection.execute("COMMIT")
            number += 1


def tables(database: Path) -> set[str]:
    with sqlite3.connect(database) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def key_pepper_pages(cli: Cli) -> int:
    """How often the pepper stands in the restored database, where it must not stay behind."""
    pepper = (cli.data / "key-pepper").read_bytes().strip()
    return (cli.data / "opsatlas.db").read_bytes().count(pepper)
