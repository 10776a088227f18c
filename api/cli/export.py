"""`opsatlas export`: the inventory in the native format, to be loaded somewhere else."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import progress, terminal
from api.cli.client import Client, connected
from api.cli.failures import UsageError
from api.cli.start import Json, begin
from cmdb.importers.file_names import CIS_FILE, RELATIONSHIPS_FILE
from cmdb.importers.records import CI_FIELDS, RELATIONSHIP_FIELDS

_PAGE = 1000

Record = dict[str, Any]


class ExportFormat(StrEnum):
    JSON = "json"
    CSV = "csv"


def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there, not to the terminal."),
    ] = None,
    export_format: Annotated[
        ExportFormat,
        typer.Option("--format", help="csv: two tables, in the folder or .zip of --output."),
    ] = ExportFormat.JSON,
    as_json: Json = False,
) -> None:
    """Write all configuration items and relationships in the native format."""
    settings = begin()
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {output.absolute().parent}")
    if export_format is ExportFormat.CSV and output is None:
        raise UsageError(
            "two tables do not fit one terminal",
            hint="--output FOLDER, or --output FILE.zip",
        )
    with connected(settings) as client:
        if output is not None and export_format is ExportFormat.CSV:
            counts = _write_tables(client, output)
        else:
            inventory = _inventory(client)
            counts = {name: len(records) for name, records in inventory.items()}
            if output is None:
                terminal.print_json(inventory)
                return
            # Escaped, so that a lone surrogate that an attribute may hold stays what it is.
            content = (json.dumps(inventory, indent=1) + "\n").encode("ascii")
            _write({output: content})
    if as_json:
        terminal.print_json({"file": str(output), **counts})
    else:
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        terminal.stdout.print(terminal.plain(f"{told}: {output}"), soft_wrap=True)


def _write_tables(client: Client, output: Path) -> dict[str, int]:
    """Write the two tables, packed where the name says so; returns the records of each."""
    packed = client.send("GET", "/export", params={"format": "csv"}).content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        tables = {name: archive.read(name) for name in (CIS_FILE, RELATIONSHIPS_FILE)}
    if output.suffix.lower() == ".zip":
        _write({output: packed})
    else:
        _write({output / name: content for name, content in tables.items()}, folder=output)
    return {Path(name).stem: _records(content) for name, content in tables.items()}


def _records(table: bytes) -> int:
    """The rows of a table below its header."""
    return sum(1 for _row in csv.reader(io.StringIO(table.decode(), newline=""))) - 1


def _write(files: dict[Path, bytes], *, folder: Path | None = None) -> None:
    try:
        if folder is not None:
            folder.mkdir(exist_ok=True)
        for path, content in files.items():
            path.write_bytes(content)
    except OSError as error:
        where = error.filename or next(iter(files))
        raise UsageError(f"{where} cannot be written: {error.strerror}") from error


def _inventory(client: Client) -> dict[str, list[Record]]:
    cis = list(_all(client, "cis"))
    keys = _keys(cis)
    # Who came while we read is left out, and so is what leads there.
    relationships = [
        _relationship(each, keys)
        for each in _all(client, "relationships")
        if each["dependent"]["id"] in keys and each["provider"]["id"] in keys
    ]
    _lower_limits(relationships)
    return {
        "configuration_items": [_item(ci, keys[ci["id"]]) for ci in cis],
        "relationships": relationships,
    }


def _lower_limits(relationships: list[Record]) -> None:
    """Ask of a group that lost members for no more than are left: a load would refuse it."""
    members: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in relationships:
        if "redundancy_group" in each:
            members[each["dependent"], each["redundancy_group"]].add(each["provider"])
    for each in relationships:
        if isinstance(each.get("min_up"), int):
            size = len(members[each["dependent"], each["redundancy_group"]])
            each["min_up"] = min(each["min_up"], size)


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
