"""A dependency graph saved to a file, so that the next start need not read it all from SQL.

The file is a cache: it is replaced as a whole, never changed, and whatever is not as it should be
(format, checksums) makes it as if there were none. Arrays lie at page borders with their room
behind them as holes, so opening maps them as they are; what is written to the room later stays in
the process's own memory.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Groups, Ids
from cmdb.graph_layout import Layout, Rows

_MAGIC = b"OPSATLAS GRAPH 1"
"""The number is that of the format; a file of another is none of ours."""
_HEAD = struct.Struct("<16sII")
"""Magic, length of the description (JSON), its checksum."""
_PAGE = 4096
_MOST_DESCRIPTION = 1 << 20
_LAYOUT = (
    "ids", "dependent", "relationship", "group_of", "room_provider", "group_member",
    "required_first", "conditional_first",
)  # fmt: skip


class BadSnapshotError(Exception):
    """A saved graph that cannot be used; it is built again from SQL, so nobody is told a code."""


@dataclass(frozen=True, eq=False)
class SavedGraph:
    """What a file holds."""

    snapshot: GraphSnapshot
    service_ids: Ids
    revision: int
    facts: dict[str, Any]
    """What the saver wants to know again: JSON values."""


class _Array(NamedTuple):
    """An array of the file; only its runs are written, the rest is room."""

    name: str
    values: NDArray[Any]
    runs: list[tuple[int, int]]


def save(path: Path, saved: SavedGraph) -> int:
    """Write the file, whole or not at all; its size in bytes. Raises OSError."""
    layout = saved.snapshot.layout
    used = dict(layout.used)  # later snapshots of the family may be writing to the room meanwhile
    arrays = _arrays(saved, used)
    listed: list[dict[str, Any]] = []
    offset = 0
    for array in arrays:
        listed.append(
            {
                "name": array.name,
                "type": array.values.dtype.str,
                "length": len(array.values),
                "runs": array.runs,
                "offset": offset,
                "crc": _checksum(array.values, array.runs),
            }
        )
        offset += -(-array.values.nbytes // _PAGE) * _PAGE
    description = json.dumps(
        {
            "revision": saved.revision,
            "snapshot_revision": saved.snapshot.revision,
            "size": saved.snapshot.size,
            "conditional_from": layout.conditional_from,
            "used": used,
            "newest_relationship": layout.newest_relationship,
            "facts": saved.facts,
            "arrays": listed,
        }
    ).encode()
    start = _body_start(len(description))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=path.name, suffix=".tmp", delete=False
    ) as file:
        try:
            file.write(_HEAD.pack(_MAGIC, len(description), zlib.crc32(description)))
            file.write(description)
            for entry, array in zip(listed, arrays, strict=True):
                for first, end in array.runs:
                    file.seek(start + entry["offset"] + first * array.values.itemsize)
                    file.write(array.values[first:end].data)
            file.truncate(start + offset)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
    return start + offset


def opened(path: Path) -> SavedGraph | None:
    """The graph in a file, mapped; None where there is no file. Raises BadSnapshotError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            description = _description(file, head)
            # A private copy: what is written to the room is never written to the file.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadSnapshotError(f"the saved graph cannot be read: {error}") from error
    start = _body_start(_HEAD.unpack(head)[1])
    try:
        arrays = {each["name"]: _mapped(mapped, start, each) for each in description["arrays"]}
        return _assembled(description, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise BadSnapshotError(f"the saved graph is not whole: {error}") from error


def saved_revision(path: Path) -> int | None:
    """The revision of the graph in a file; None where there is none that can be used."""
    try:
        with path.open("rb") as file:
            return int(_description(file, file.read(_HEAD.size))["revision"])
    except (OSError, BadSnapshotError, ValueError, KeyError):
        return None


def _arrays(saved: SavedGraph, used: dict[str, int]) -> list[_Array]:
    snapshot, layout = saved.snapshot, saved.snapshot.layout
    start, conditional = layout.conditional_from, used["conditional"]
    edges = [(0, used["required"]), (start, conditional)]
    room = start - layout.required_end
    rooms = [
        (0, used["required"] - layout.required_end),
        (room, room + conditional - layout.conditional_end),
    ]
    found = [
        _Array("ids", layout.ids, [(0, used["ids"])]),
        _Array("dependent", layout.dependent, edges),
        _Array("relationship", layout.relationship, edges),
        _Array("group_of", layout.group_of, [(0, conditional - start)]),
        _Array("room_provider", layout.room_provider, rooms),
        _Array("group_member", layout.group_member, [(0, used["member"])]),
    ]
    whole: dict[str, NDArray[Any]] = {
        "required_first": layout.required_first,
        "conditional_first": layout.conditional_first,
        "absent": snapshot.absent,
        "moved": snapshot.moved,
        "services": saved.service_ids,
    }
    whole |= {f"rows.{name}": each for name, each in snapshot.moved_rows._asdict().items()}
    whole |= {f"groups.{name}": each for name, each in snapshot.groups._asdict().items()}
    return found + [
        _Array(name, np.ascontiguousarray(each), [(0, len(each))]) for name, each in whole.items()
    ]


def _assembled(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> SavedGraph:
    layout = Layout(
        **{name: arrays[name] for name in _LAYOUT},
        conditional_from=description["conditional_from"],
        used=description["used"],
        newest_relationship=description["newest_relationship"],
    )
    snapshot = GraphSnapshot(
        revision=description["snapshot_revision"],
        size=description["size"],
        absent=arrays["absent"],
        layout=layout,
        moved=arrays["moved"],
        moved_rows=Rows(*(arrays[f"rows.{name}"] for name in Rows._fields)),
        groups=Groups(*(arrays[f"groups.{name}"] for name in Groups._fields)),
    )
    return SavedGraph(snapshot, arrays["services"], description["revision"], description["facts"])


def _description(file: BinaryIO, head: bytes) -> dict[str, Any]:
    if len(head) < _HEAD.size:
        raise BadSnapshotError("the saved graph ends in its head")
    magic, length, checksum = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise BadSnapshotError("the saved graph has another format")
    text = file.read(length) if length <= _MOST_DESCRIPTION else b""
    if len(text) != length or zlib.crc32(text) != checksum:
        raise BadSnapshotError("the checksum of the saved graph's description is wrong")
    found: dict[str, Any] = json.loads(text)
    return found


def _mapped(mapped: mmap.mmap, start: int, entry: dict[str, Any]) -> NDArray[Any]:
    values = np.frombuffer(mapped, entry["type"], entry["length"], start + entry["offset"])
    if _checksum(values, entry["runs"]) != entry["crc"]:
        raise BadSnapshotError(f"the checksum of {entry['name']} in the saved graph is wrong")
    return values


def _checksum(values: NDArray[Any], runs: list[tuple[int, int]]) -> int:
    checksum = 0
    for first, end in runs:
        checksum = zlib.crc32(values[first:end].data, checksum)
    return checksum


def _body_start(description: int) -> int:
    return -(-(_HEAD.size + description) // _PAGE) * _PAGE
