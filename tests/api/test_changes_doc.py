"""docs/changes.md is true: its example gives the tables that stand below it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.api.asking import Asker

TEXT = (Path(__file__).parents[2] / "docs" / "changes.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def rows(first: str) -> list[dict[str, str]]:
    """The rows of the table whose first column is called so."""
    (table,) = re.findall(rf"^(\| {first} \|.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)
    head, _, *lines = table.splitlines()
    names, *cells = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in [head, *lines]
    )
    return [dict(zip(names, each, strict=True)) for each in cells]


def clock(moment: str) -> str:
    return moment[11:16]


def test_the_worked_example_gives_its_tables(api: Asker) -> None:
    cis, relationships = blocks("csv")
    loaded = api.upload("/imports", ("cis.csv", cis), ("needs.csv", relationships), source="doc")
    assert loaded.json()["state"] == "done"
    (changes,) = blocks("jsonl")
    assert api.upload("/changes/imports", ("c.jsonl", changes)).json()["state"] == "done"
    (question,) = blocks("json")
    answer = api.post("/changes/assess", json.loads(question)).json()
    assert [_interval(each) for each in answer["intervals"]] == rows("from")
    assert sorted(map(_conflict, answer["conflicts"]), key=lambda each: each["from"]) == rows(
        "conflict"
    )


def _interval(each: dict[str, Any]) -> dict[str, str]:
    states = {service["name"]: service["state"] for service in each["services"]}
    return {
        "from": clock(each["start"]),
        "to": clock(each["end"]),
        "under way": ", ".join(sorted(each["changes"])),
        **{name: states.get(name, "operational") for name in ("Checkout", "Search")},
    }


def _conflict(each: dict[str, Any]) -> dict[str, str]:
    (service,), (group,) = each["services"], each["groups"]
    return {
        "conflict": ", ".join(sorted(each["changes"])),
        "from": clock(each["start"]),
        "to": clock(each["end"]),
        "service": service["name"],
        "group": group["group"],
        "up": f"{group['up']} of {group['members']}, {group['min_up']} needed",
    }
