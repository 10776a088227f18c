"""docs/sources/: a page for each format, whose commands run over the seed company."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmdb.importers.registry import _BUILT_IN
from tests.cli import warm
from tests.cli.conftest import SEED, make_cli

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "sources").glob("*.md"))
SAMPLES = SEED / "sources"
FOREIGN = [each.NAME for each in _BUILT_IN if not each.NAME.startswith("native_")]
NATIVE = [each.NAME for each in _BUILT_IN if each.NAME.startswith("native_")]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation that holds the seed company."""
    cli = make_cli(tmp_path_factory.mktemp("seeded"))
    cli.done("load", *map(str, sorted((SEED / "inventory").glob("*.csv"))))
    return cli.data


def commands(page: Path) -> Iterator[str]:
    yield from re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_command_of_a_page_runs(page: Path, seeded: Path, tmp_path: Path) -> None:
    shutil.copytree(seeded, tmp_path / "data")
    for name in ("seed_data", "docs"):  # as from the project's root, which nothing may change
        (tmp_path / name).symlink_to(ROOT / name)
    inherited = {name: value for name, value in os.environ.items() if "OPSATLAS_" not in name}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands(page))],
        cwd=tmp_path,
        env=inherited | {"PATH": f"{warm.script().parent}:{inherited['PATH']}", "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("name", FOREIGN)
def test_every_format_has_a_page_that_loads_its_samples(name: str) -> None:
    page = ROOT / "docs" / "sources" / f"{name}.md"
    assert page.exists()
    assert any(f"seed_data/sources/{name}" in each for each in commands(page))
    assert any(file.is_file() for file in (SAMPLES / name).rglob("*"))
    text = (ROOT / "docs" / "inventories.md").read_text("utf-8")
    assert f"(sources/{name}.md)" in text


def test_the_native_formats_are_on_the_page_of_inventories() -> None:
    text = (ROOT / "docs" / "inventories.md").read_text("utf-8")
    assert [name for name in NATIVE if f"`{name}`" not in text] == []
