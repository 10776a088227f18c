"""What goes wrong around a command: clear words, one JSON document, the right exit code."""

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.problems import Problem
from tests.cli.conftest import Cli, RunningShop
from tests.demo_run import SCRIPT


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """A server that is not ours: it redirects impact questions and answers HTML otherwise."""

    keys_seen: list[str | None] = []  # noqa: RUF012 - one for the handler class, as it is made anew

    def _answer(self) -> None:
        self.keys_seen.append(self.headers.get("Authorization"))
        if "impact" in self.path:
            self.send_response(307)
            host = f"http://localhost:{self.connection.getsockname()[1]}"
            self.send_header("Location", f"{host}/stolen")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    do_GET = do_POST = _answer  # noqa: N815 - its names there

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    _Elsewhere.keys_seen.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_wrong_setting_is_named(cli: Cli) -> None:
    broken = cli.with_settings(port="eighty")
    for command in (["impact", "x"], ["serve"], ["doctor"], ["keys", "list"]):
        result = broken(*command)
        assert result.code == 2
        assert "OPSATLAS_PORT" in result.out + result.err
    document = broken("impact", "x", "--json").json
    assert "OPSATLAS_PORT" in Problem.model_validate(document).detail


def test_a_data_folder_that_cannot_be_used_is_named(cli: Cli) -> None:
    for place in (cli.folder / "items.csv", cli.folder / "items.csv" / "below", Path("/proc/no")):
        for command in (["impact", "x", "--json"], ["db", "upgrade", "--json"]):
            result = cli.with_settings(data_dir=str(place))(*command)
            assert result.code == 2
            assert str(place) in result.json["detail"]


def test_a_file_that_is_no_database_is_told(cli: Cli) -> None:
    cli.data.mkdir()
    (cli.data / "opsatlas.db").write_text("this is not a database, only some text" * 100)
    result = cli("impact", "x", "--json")
    assert result.code == 2
    assert "not a database" in result.json["detail"]
    assert cli("doctor").code == 1


def test_a_database_url_of_another_kind_is_told(cli: Cli) -> None:
    result = cli.with_settings(database_url="mysql://host/name")("impact", "x", "--json")
    assert result.code == 2
    assert "sqlite and postgresql" in result.json["detail"]


def test_a_server_that_is_not_there_is_told(cli: Cli) -> None:
    remote = cli.with_settings(url="http://127.0.0.1:9", api_key="x")
    for command in (["impact", "x"], ["load", "items.csv"], ["keys", "list"], ["export"]):
        result = remote(*command, "--json")
        assert result.code == 1
        assert Problem.model_validate(result.json).code == "server_unreachable"
    assert not cli.data.exists()


def test_a_wrong_key_or_none_is_a_usage_error(shop_server: RunningShop) -> None:
    for key in ("wrong", ""):
        result = shop_server.cli.with_settings(api_key=key)("impact", "api-1", "--json")
        assert result.code == 2
        assert result.json["code"] == "invalid_key"


def test_the_key_does_not_follow_a_redirect(cli: Cli, elsewhere: str) -> None:
    result = cli.with_settings(url=elsewhere, api_key="secret")("impact", "x", "--json")
    assert result.code == 1
    assert "localhost" in result.json["detail"]
    assert _Elsewhere.keys_seen == ["Bearer secret"]


def test_an_answer_that_is_no_json_is_told(cli: Cli, elsewhere: str) -> None:
    result = cli.with_settings(url=elsewhere)("keys", "list", "--json")
    assert result.code == 1
    assert "OPSATLAS_URL" in result.json["detail"]


def test_commands_of_the_database_do_not_pretend_to_reach_a_server(cli: Cli) -> None:
    remote = cli.with_settings(url="http://127.0.0.1:9")
    for command in (["db", "upgrade"], ["reindex"], ["backup", "b"], ["restore", "b"], ["demo"]):
        result = remote(*command, "--json")
        assert result.code == 2
        assert "OPSATLAS_URL" in result.json["detail"]


def test_a_command_that_does_not_exist_is_a_usage_error(cli: Cli) -> None:
    for command in (["impcat"], ["impact", "--failed", "x"], ["keys"], []):
        assert cli(*command).code == 2
    assert Problem.model_validate(cli("impact", "--failed", "--json").json).code == "usage"


def test_a_terminal_that_knows_only_ascii_is_served(cli: Cli) -> None:
    cli.write("one.csv", "name,ci_class\nZürich-01,server\n")
    cli.done("load", "one.csv")
    done = subprocess.run(
        [SCRIPT, "impact", "zürich-01"],
        cwd=cli.folder,
        env=cli.environment() | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert "Z?rich-01 failed" in done.stdout.decode("ascii")
