"""docs/cli.md and docs/settings.md name every command, option and setting as it is."""

import re
from collections.abc import Iterator
from pathlib import Path

import typer

from api.cli.doctor import described
from api.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"


def commands() -> Iterator[tuple[str, set[str]]]:
    """Every command with its options, as the program has them."""

    def walk(command: object, name: str) -> Iterator[tuple[str, set[str]]]:
        below = getattr(command, "commands", None)
        if below:
            for word, each in below.items():
                yield from walk(each, f"{name} {word}")
            return
        yield (
            name,
            {
                option
                for parameter in getattr(command, "params", ())
                for option in (*parameter.opts, *parameter.secondary_opts)
                if option.startswith("--") and option not in ("--json", "--help")
            },
        )

    yield from walk(typer.main.get_command(app), "opsatlas")


def sections() -> dict[str, str]:
    """The text below each heading that is a command."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    parts = re.split(r"^## `(opsatlas [a-z -]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_a_section_with_an_example() -> None:
    documented = sections()
    assert set(documented) == {name for name, _ in commands()}
    for name, text in documented.items():
        assert re.search(rf"^(\S+=\S+ |\$ )*{name}\b", text, re.MULTILINE), name


def test_every_option_is_told_and_none_that_is_not_there() -> None:
    documented = sections()
    for name, options in commands():
        told = set(re.findall(r"`(--[a-z-]+)", documented[name]))
        assert told - {"--json", "--help"} == options, name


def test_every_setting_is_told_as_it_is() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(OPSATLAS_\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert rows == dict(expected_rows())


def expected_rows() -> Iterator[tuple[str, str]]:
    """A row for each setting, as docs/settings.md should have it."""
    for each in described(None):
        default = each["default"]
        text = "the matrix of ITIL" if isinstance(default, dict) else f"`{default}`"
        if default == "":
            text = ""
        elif isinstance(default, bool):
            text = text.lower()
        yield each["name"], f"{text} | {each['description']}"
