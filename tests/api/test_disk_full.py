"""A disk that is full: an error that says so, nothing half-written, and all is well once there is
room again."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from api.services import Services
from opsatlas.settings import Settings
from tests.api.asking import in_process, problem

ROWS = [f"server-{number},server" for number in range(3_000)]
_NO_ROOM = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT count(*) FROM configuration_item) > 0 THEN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
  END IF;
  RETURN NULL;
END $$
"""


def test_a_load_onto_a_full_disk_is_an_error_and_leaves_nothing(api_settings: Settings) -> None:
    services = Services(api_settings)
    room: list[int] = []

    @event.listens_for(services.engine, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {room[0] if room else pages + 20}")

    with in_process(services) as api:
        services.engine.dispose()
        before = api.row_counts()
        found = problem(api.load_csv(*ROWS), 503, "disk_full")
        assert "opsatlas.db" in found["detail"]
        assert "make room" in found["detail"]
        assert api.row_counts() == before
        room.append(1_000_000)
        services.engine.dispose()
        report = api.load_csv(*ROWS).json()
        assert report["configuration_items"]["created"] == len(ROWS)
    with sqlite3.connect(api_settings.data_dir / "opsatlas.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_postgresql_server_without_room_is_an_error_and_leaves_nothing(
    postgres_settings: Settings,
) -> None:
    """The server itself raises 53100 (disk_full) in the middle, as it does where no file can grow:
    its disk cannot be filled without being root."""
    settings = postgres_settings.model_copy(update={"embedding_enabled": False})
    with in_process(Services(settings)) as api:
        before = api.row_counts()
        with api.services.engine.begin() as connection:
            connection.exec_driver_sql(_NO_ROOM)
            connection.exec_driver_sql(
                "CREATE TRIGGER no_room BEFORE INSERT ON audit_entry FOR EACH STATEMENT"
                " EXECUTE FUNCTION no_room()"
            )
        found = problem(api.load_csv(*ROWS), 503, "disk_full")
        assert found["detail"].startswith("the disk of the database's server is full")
        assert "make room there and try again" in str(found)
        assert api.row_counts() == before
        with api.services.engine.begin() as connection:
            connection.exec_driver_sql("DROP FUNCTION no_room CASCADE")
        report = api.load_csv(*ROWS).json()
        assert report["configuration_items"]["created"] == len(ROWS)


@pytest.mark.slow
def test_a_file_that_may_not_grow_ends_the_command_with_a_message(
    tmp_path: Path, sqlite_template: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(sqlite_template, data / "opsatlas.db")
    (tmp_path / "cis.csv").write_text("\n".join(["name,ci_class", *ROWS]) + "\n")
    most = (data / "opsatlas.db").stat().st_size + 50_000
    environment = {"OPSATLAS_DATA_DIR": str(data), "PATH": "", "LANG": "C.UTF-8", "COLUMNS": "200"}

    def loaded(limited: bool) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            if limited:  # Python ignores SIGXFSZ, so that the write itself fails
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        return subprocess.run(
            [Path(sys.executable).with_name("opsatlas"), "load", "cis.csv"],
            cwd=tmp_path,
            env=environment,
            preexec_fn=limit,
            capture_output=True,
            text=True,
            check=False,
        )

    done = loaded(limited=True)
    assert done.returncode == 1
    assert "is full, or the file may not grow" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    with sqlite3.connect(data / "opsatlas.db") as connection:
        assert connection.execute("SELECT count(*) FROM configuration_item").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert loaded(limited=False).returncode == 0
