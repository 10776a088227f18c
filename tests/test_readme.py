"""Every command of the README runs, in its order, as a new user would type it."""

import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_run import DemoRun, demo_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def folder(first_demo: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which `make demo` was run, so to speak."""
    made = tmp_path_factory.mktemp("readme")
    (made / "seed_data").symlink_to(ROOT / "seed_data")
    shutil.copytree(first_demo.data, made / "demo-data")
    return made


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The port of `make serve` over the demo's data."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    settings = {"OPSATLAS_DATA_DIR": "demo-data", "OPSATLAS_LOG_LEVEL": "warning"}
    with subprocess.Popen(
        ["opsatlas", "serve", "--port", str(free)],
        cwd=folder,
        env={**demo_environment(), **settings},
    ) as server:
        try:
            wait_until_ready(free)
            yield free
        finally:
            server.terminate()


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError("the server did not become ready")


def test_every_command_of_the_readme_runs_and_prints_what_it_shows(folder: Path, port: int) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = FENCE.findall(text[text.index("## Five minutes") :])
    script = ["set -euo pipefail"]
    shown: dict[int, list[str]] = {}
    for number, (language, body) in enumerate(blocks):
        if language == "bash":
            commands = body.replace(". .venv/bin/activate\n", "").replace(":8040", f":{port}")
            # curl alone would not fail on an error answer.
            script += [commands.replace("curl -s", "curl -sS --fail-with-body"), f"echo @{number}@"]
        else:
            shown[number - 1] = [line for line in body.splitlines() if line != "…"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=demo_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    printed = dict(zip(*[iter(re.split(r"@(\d+)@", done.stdout)[::-1][1:])] * 2, strict=True))
    for number, lines in shown.items():
        for line in lines:
            assert line in printed[str(number)]


def test_the_picture_of_the_demo_is_what_the_demo_prints(folder: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = FENCE.search(text)
    assert picture is not None
    told = subprocess.run(
        ["opsatlas", "demo"],
        cwd=folder,
        env=demo_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    printed = told.stdout.splitlines()
    for line in picture.group(2).splitlines():
        assert line == "…" or line in printed
