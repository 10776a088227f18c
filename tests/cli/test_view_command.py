"""`opsatlas view`: the examples of docs/views.md, and the same at a server."""

import re
from pathlib import Path

from tests.cli.conftest import Cli, RunningShop, same_but_for_time

PAGE = (Path(__file__).parents[2] / "docs" / "views.md").read_text("utf-8")


def test_the_examples_of_the_page_are_what_the_command_prints(cli: Cli) -> None:
    files = re.findall(r"^`(\S+\.csv)`:\n\n```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    cli.done("load", *(cli.write(name, text) for name, text in files))
    cli.done("states", "report", "api-1", "--down")
    asked = re.findall(r"`opsatlas (view [^`>|]+)` prints:", PAGE)
    printed = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(asked) == len(printed) == 3
    for arguments, expected in zip(asked, printed, strict=True):
        assert cli.done(*arguments.split()).out.rstrip() == expected.rstrip()


def test_a_view_at_a_server_is_the_same_document(shop: Cli, shop_server: RunningShop) -> None:
    arguments = ("view", "checkout", "--no-fold", "--json")
    here, there = shop.done(*arguments).json, shop_server.cli.done(*arguments).json
    assert same_but_for_time(there) == same_but_for_time(here)
    assert here["nodes"][0]["name"] == "Checkout"
    both = shop("view", "Checkout", "--json", "--format", "dot")
    assert (both.code, both.out.count("--format dot")) == (2, 1)
