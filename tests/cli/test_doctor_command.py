"""`opsatlas doctor`: settings with their origin, secrets hidden, checks that find what is wrong."""

import sqlite3

from opsatlas.settings import Settings
from tests.cli.conftest import Cli, RunningShop


def test_doctor_lists_every_setting_and_hides_the_secret_ones(cli: Cli) -> None:
    secret = cli.with_settings(key_pepper="hush-hush", api_key="hush-too", port="9001")
    cli.write(".env", "OPSATLAS_LOG_LEVEL=error\n")
    result = secret.done("doctor", "--json")
    settings = {each["name"]: each for each in result.json["settings"]}
    assert set(settings) == {f"OPSATLAS_{name.upper()}" for name in Settings.model_fields}
    assert "hush" not in result.out
    assert settings["OPSATLAS_PORT"] | {"description": ""} == {
        "name": "OPSATLAS_PORT",
        "value": 9001,
        "default": 8040,
        "from": "environment",
        "description": "",
    }
    assert settings["OPSATLAS_LOG_LEVEL"]["from"] == ".env"
    assert settings["OPSATLAS_HOST"]["from"] == "default"
    assert all(each["description"] for each in settings.values())
    assert not cli.data.exists(), "looking must change nothing"


def test_doctor_hides_the_passwords_of_addresses(cli: Cli) -> None:
    url = "postgresql://ops:s3cret@127.0.0.1:9/ops"
    result = cli.with_settings(database_url=url)("doctor", "--json")
    assert result.code == 1
    assert "s3cret" not in result.out
    assert {each["name"]: each["status"] for each in result.json["checks"]}["database"] == "error"


def test_a_sound_installation_has_no_complaint(shop_server: RunningShop) -> None:
    shop = Cli(shop_server.cli.folder)
    assert "OPSATLAS_SUGGEST_MAX_TEXT" in shop.done("doctor").out
    statuses = {
        each["name"]: each["status"] for each in shop.done("doctor", "--json").json["checks"]
    }
    assert set(statuses.values()) == {"ok"}
    assert {"python", "data folder", "disk", "model files", "database", "journal", "index"} <= set(
        statuses
    )


def test_doctor_finds_what_is_not_right(cli: Cli) -> None:
    cli.done("incidents", "load", "incidents.json")
    with sqlite3.connect(cli.data / "opsatlas.db") as database:
        database.execute("UPDATE job SET state = 'failed'")
    typo = cli.with_settings(databse_url="x")
    checks = {each["name"]: each for each in typo.done("doctor", "--json").json["checks"]}
    assert checks["settings"]["status"] == "warning"
    assert "OPSATLAS_DATABASE_URL" in checks["settings"]["hint"]
    assert checks["index"]["status"] == "warning"
    assert checks["jobs"]["status"] == "warning"
    with sqlite3.connect(cli.data / "opsatlas.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    result = cli("doctor", "--json")
    assert result.code == 1
    checks = {each["name"]: each for each in result.json["checks"]}
    assert "opsatlas db upgrade" in checks["database"]["hint"]


def test_doctor_tries_the_server_and_the_key(shop_server: RunningShop) -> None:
    good = {each["name"]: each for each in shop_server.cli.done("doctor", "--json").json["checks"]}
    assert good["server"]["status"] == "ok"
    for wrong in ({"api_key": "wrong"}, {"url": "http://127.0.0.1:9"}):
        result = shop_server.cli.with_settings(**wrong)("doctor", "--json")
        assert result.code == 1
        checks = {each["name"]: each for each in result.json["checks"]}
        assert checks["server"]["status"] == "error"
