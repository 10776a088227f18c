"""`opsatlas export`: the inventory in the native format, to be loaded somewhere else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import progress, terminal
from api.cli.client import Client, connected
from api.cli.failures import UsageError
from api.cli.start import Json, begin
from cmdb.importers.records import CI_FIELDS, RELATIONSHIP_FIELDS

_PAGE = 1000

Record = dict[str, Any]


def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there, not to the terminal."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write all configuration items and relationships as native JSON."""
    settings = begin()
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {output.absolute().parent}")
    with connected(settings) as client:
        inventory = _inventory(client)
    if output is None:
        terminal.print_json(inventory)
        return
    try:
        # Escaped, so that a lone surrogate that an attribute may hold stays what it is.
        output.write_text(json.dumps(inventory, indent=1) + "\n", encoding="ascii")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    counts = {name: len(records) for name, records in inventory.items()}
    if as_json:
        terminal.print_json({"file": str(output), **counts})
    else:
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        terminal.stdout.print(terminal.plain(f"{told}: {output}"), soft_wrap=True)


def _inventory(client: Client) -> dict[str, list[Record]]:
    cis = list(_all(client, "cis"))
    keys = _keys(cis)
    # Who came while we read is left out, and so is what leads there.
    relationships = [
        _relationship(each, keys)
        for each in _all(client, "relationships")
        if each["dependent"]["id"] in keys and each["provider"]["id"] in keys
    ]
    return {
        "configuration_items": [_item(ci, keys[ci["id"]]) for ci in cis],
        "relationships": relationships,
    }


def _all(client: Client, noun: str) -> Iterator[Record]:
    """Every record, page after page by cursor, so that no write in between shifts them."""
    with progress.shown(f"reading {noun}", "records") as report:
        params: dict[str, Any] = {"limit": _PAGE, "cursor": ""}
        done = 0
        while True:
            page = client.get(f"/{noun}", params)
            yield from page["results"]
            done += len(page["results"])
            report(done, page["count"])
            if page["next"] is None:
                return
            params = client.parameters_of(page["next"])


def _keys(cis: list[Record]) -> dict[int, str]:
    """A key for each CI by its id: its own, or one of ours where two sources use the same."""
    own = {ci["id"]: ci["keys"][0]["key"] if ci["keys"] else ci["name"] for ci in cis}
    taken = Counter(own.values())
    return {ci_id: key if taken[key] == 1 else f"opsatlas:{ci_id}" for ci_id, key in own.items()}


def _item(ci: Record, key: str) -> Record:
    item = {"key": key} | {
        name: ci[name] for name in CI_FIELDS if name != "key" and ci[name] is not None
    }
    return item | ({"attributes": ci["attributes"]} if ci["attributes"] else {})


def _relationship(each: Record, keys: dict[int, str]) -> Record:
    ends = {name: keys[each[name]["id"]] for name in ("dependent", "provider")}
    rest = [name for name in RELATIONSHIP_FIELDS if name not in ends]
    return ends | {name: each[name] for name in rest if each[name] is not None}
