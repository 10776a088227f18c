"""The importer of docs/importers.md, built and installed from the page, loads its file."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, plain_words
from tests.demo_run import SCRIPT

PAGE = (Path(__file__).parents[2] / "docs" / "importers.md").read_text("utf-8")
LONGEST = 55
"""Lines of the example: more, and nobody would write one."""
_FORMAT = "def read(files, context):\n    return iter(())\n"
_BROKEN = {
    "raises_at_import": "1 / 0\n",
    "lacks_recognises": f"NAME = 'lacks_recognises'\n{_FORMAT}",
    "raises_at_looking": (
        f"NAME = 'raises_at_looking'\n{_FORMAT}def recognises(file):\n    return file.colour\n"
    ),
}
"""Modules of a package whose importers cannot be used."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example is installed, as `pip install` would do it; offline."""
    package = tmp_path_factory.mktemp("package")
    (package / "opsatlas_racktrack.py").write_text(block("python"), encoding="utf-8")
    (package / "pyproject.toml").write_text(block("toml"), encoding="utf-8")
    return install(package, tmp_path_factory.mktemp("target"))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a package is installed whose importers cannot be used."""
    package = tmp_path_factory.mktemp("package")
    project = block("toml").replace("opsatlas-racktrack", "opsatlas-bygone")
    entries = "".join(f'{name} = "{name}"\n' for name in _BROKEN)
    project = project.replace('racktrack = "opsatlas_racktrack"\n', entries)
    project = project.replace('["opsatlas_racktrack"]', json.dumps(list(_BROKEN)))
    (package / "pyproject.toml").write_text(project, encoding="utf-8")
    for name, code in _BROKEN.items():
        (package / f"{name}.py").write_text(code, encoding="utf-8")
    return install(package, tmp_path_factory.mktemp("target"))


def install(package: Path, target: Path) -> Path:
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


def ask(cli: Cli, installed: Path | str, *arguments: str) -> str:
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_package_that_is_broken_is_told_and_stops_nothing(
    cli: Cli, installed: Path, broken: Path
) -> None:
    both = os.pathsep.join(map(str, (installed, broken)))
    cli.write("devices.rt", block("text"))
    report = json.loads(ask(cli, both, "load", "devices.rt", "--json"))
    assert (report["state"], report["configuration_items"]["created"]) == ("done", 2)
    assert {(each["severity"], each["code"]) for each in report["problems"]} == {
        ("warning", "broken_importer")
    }
    assert [each["message"].replace("opsatlas-bygone 1.0", "P") for each in report["problems"]] == [
        (
            "the package P brings the format lacks_recognises, and lacks_recognises has no function"
            " 'recognises'"
        ),
        (
            "the package P brings the format raises_at_import, and cannot be imported:"
            " ZeroDivisionError: division by zero"
        ),
        (
            "the package P brings the format raises_at_looking, and its `recognises` raises"
            " AttributeError: 'OpenedFile' object has no attribute 'colour'"
        ),
    ]
    listed = plain_words(ask(cli, both, "sources", "list"))
    assert "raises_at_import cannot be used: the package opsatlas-bygone 1.0" in listed
    assert "racktrack opsatlas sources show racktrack" in listed
    checks = json.loads(ask(cli, both, "doctor", "--json"))["checks"]
    told = [check for check in checks if check["name"] == "formats"]
    assert {check["status"] for check in told} == {"warning"}
    assert "opsatlas-bygone" in told[0]["detail"]
    assert "uninstall" in told[0]["hint"]


def test_without_the_package_the_file_is_of_no_format(cli: Cli) -> None:
    result = cli("load", cli.write("devices.rt", block("text")), "--json")
    assert result.code == 1
