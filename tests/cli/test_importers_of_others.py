"""The importer of docs/importers.md, built and installed from the page, loads its file."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPT, Cli

PAGE = (Path(__file__).parents[2] / "docs" / "importers.md").read_text("utf-8")
LONGEST = 55
"""Lines of the example: more, and nobody would write one."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example is installed, as `pip install` would do it; offline."""
    package = tmp_path_factory.mktemp("package")
    (package / "opsatlas_racktrack.py").write_text(block("python"), encoding="utf-8")
    (package / "pyproject.toml").write_text(block("toml"), encoding="utf-8")
    target = tmp_path_factory.mktemp("target")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--no-index", "--quiet", "--target", str(target), str(package)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def ask(cli: Cli, installed: Path, *arguments: str) -> str:
    done = subprocess.run(
        [SCRIPT, *arguments],
        cwd=cli.folder,
        env=cli.environment() | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_example_is_short() -> None:
    assert len(block("python").splitlines()) <= LONGEST


def test_the_example_is_a_format_like_any_other(cli: Cli, installed: Path) -> None:
    cli.write("devices.rt", block("text"))
    report = json.loads(ask(cli, installed, "load", "devices.rt", "--json"))
    assert report["recognised"] == [
        {"file": "devices.rt", "format": "racktrack", "why": "its first line is #racktrack"}
    ]
    assert (report["source"], report["configuration_items"]["created"]) == ("racktrack", 2)
    assert report["relationships"]["created"] == 1
    assert "racktrack" in ask(cli, installed, "sources", "list")
    assert 'cabinet = "rack"' in ask(cli, installed, "sources", "show", "racktrack")
    exported = json.loads(ask(cli, installed, "export"))["configuration_items"]
    assert {(ci["name"], ci["ci_class"], ci["status"]) for ci in exported} == {
        ("hv-new-01", "server", "active"), ("rack-new-a", "rack", "active")
    }  # fmt: skip
    cli.write("ours.toml", '[classes]\nbox = "hypervisor"\n')
    changed = ["load", "devices.rt", "--mapping", "ours.toml", "--json"]
    assert json.loads(ask(cli, installed, *changed))["mapping"] == "ours.toml"
    assert "hypervisor" in ask(cli, installed, "export")


def test_without_the_package_the_file_is_of_no_format(cli: Cli) -> None:
    result = cli("load", cli.write("devices.rt", block("text")), "--json")
    assert result.code == 1
