"""The structure of the product: arrows, transactions, errors, what the documentation must name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from importlinter.api import read_configuration
from importlinter.application.use_cases import lint_imports

from opsatlas.settings import Settings

ROOT = Path(__file__).parents[1]
ROOMS = ("opsatlas", "cmdb", "search", "kb", "api")
LONGEST = 350
"""Lines of a file: above, it does more than one thing."""


def _files(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((ROOT / room).rglob("*.py"))


def _names(path: Path) -> Iterator[tuple[int, str]]:
    """Every name and attribute that a file uses, with its line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name


def _uses(name: str, paths: Iterable[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        for line, found in _names(path)
        if found == name
    ]


def test_imports_run_downwards_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert read_configuration()["contracts_options"]
    assert lint_imports(cache_dir=None), "run `lint-imports` to see which import runs upwards"


def test_the_rooms_below_the_api_know_no_http_errors() -> None:
    below = [room for room in ROOMS if room != "api"]
    assert _uses("HTTPException", _files(*below)) == []
    assert _uses("HTTPException", (ROOT / "api" / "routes").rglob("*.py")) == []


def test_units_of_work_begin_and_end_at_the_border() -> None:
    theirs = {
        ROOT / "opsatlas" / "db" / "transaction.py",
        ROOT / "search" / "lexical.py",  # the commit of an index in memory, not of the database
    }
    below = set(_files(*(room for room in ROOMS if room != "api"))) - theirs
    assert _uses("commit", below) == []
    assert _uses("rollback", below) == []


def test_no_file_of_the_product_does_too_much() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _files(*ROOMS)
        if "versions" not in path.parts
        and (lines := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_every_setting_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    names = [f"OPSATLAS_{name.upper()}" for name in Settings.model_fields]
    assert [name for name in names if f"`{name}`" not in text] == []


def _commands(command: Any, path: str = "") -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path.strip()
    else:
        for name, child in children.items():
            yield from _commands(child, f"{path} {name}")


def test_every_command_is_in_the_documentation() -> None:
    from api.cli.main import app

    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    commands = list(_commands(typer.main.get_command(app)))
    assert len(commands) > 10
    assert [command for command in commands if f"opsatlas {command}" not in text] == []
