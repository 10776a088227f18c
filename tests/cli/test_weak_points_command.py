"""`opsatlas weak-points`: the example of docs/weak-points.md, here and at a server."""

import re
from pathlib import Path

from tests.cli.conftest import Cli, RunningShop, same_but_for_time

PAGE = (Path(__file__).parents[2] / "docs" / "weak-points.md").read_text("utf-8")


def told(output: str) -> list[str]:
    return [line.rstrip() for line in output.strip().splitlines()]


def test_the_example_of_the_page_is_what_the_command_prints(cli: Cli) -> None:
    files = re.findall(r"^`(\S+\.csv)`:\n\n```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names = [cli.write(name, text) for name, text in files]
    assert names == ["cis.csv", "needs.csv"]
    cli.done("load", *names)
    whole, of_checkout = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert told(cli.done("weak-points").out) == told(whole)
    narrowed = cli.done("weak-points", "--service", "Checkout", "--kind", "single_point").out
    assert told(narrowed) == told(of_checkout)
    assert max(len(line) for line in (whole + narrowed).splitlines()) <= 80


def test_weak_points_at_a_server_are_the_same_document(shop: Cli, shop_server: RunningShop) -> None:
    arguments = ("weak-points", "--kind", "single_point", "--limit", "2", "--json")
    here, there = shop.done(*arguments).json, shop_server.cli.done(*arguments).json
    assert same_but_for_time(there) == same_but_for_time(here)
    first, second = here["single_points"]
    assert (first["name"], first["score"], first["incidents"]) == ("pgbouncer-orders", 8, 1)
    assert (second["name"], second["taken_down"]) == ("orders-api", 1)


def test_a_search_that_ran_out_of_time_says_so(shop: Cli) -> None:
    found = shop.with_settings(weak_points_budget="0.0000001").done("weak-points").out
    assert "Time was up after 0 CIs" in found
    assert "OPSATLAS_WEAK_POINTS_BUDGET" in found


def test_a_service_that_does_not_exist_is_answered_with_near_ones(shop: Cli) -> None:
    result = shop("weak-points", "--service", "Chekcout")
    assert result.code != 0
    assert "Checkout" in result.err
