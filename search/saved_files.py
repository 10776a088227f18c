"""A collection written to a folder and read again: arrays, inverted lists, lexical files.

Every file is written once and never changed; `manifest.json` holds the length and the checksum of
each, and is itself the last to be written. Vectors are mapped, not read: what no question touches
takes no memory.
"""

import json
import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.held_documents import HeldParts
from search.id_map import Ids
from search.indexes.approximate import Approximate, Kind
from search.indexes.rows import CHUNK_ROWS, Chunk, Precision, VectorRows
from search.shelves import Shelf
from search.term_vectors import CHUNK, TermVectorParts
from search.terms import ANALYSIS

FORMAT = f"3, terms {ANALYSIS}"
"""Of the files, and of the terms that the lexical index in them is made of."""
LEXICAL = "lexical"
"""Folder of the lexical index's own files."""
_MANIFEST = "manifest.json"
_BLOCK = 1 << 20
_READERS = 2
"""Files that are checked at once."""


class BadIndexError(Exception):
    """A saved index that cannot be used; it is built again from SQL, so nobody is told a code."""


@dataclass(frozen=True, slots=True)
class RowsPart:
    """Vectors by slot as they were, with the id in each slot."""

    chunks: list[Chunk]
    ids: Ids
    structure: Approximate | None = None

    @classmethod
    def of(cls, rows: VectorRows, structure: Approximate | None = None) -> "RowsPart":
        """As they are now; others may go on writing."""
        return cls(rows.chunks, rows.ids.copy(), structure)


@dataclass(frozen=True, slots=True)
class MeaningParts:
    """The vectors of a collection in memory."""

    held: HeldParts
    titles: RowsPart
    by_shelf: list[RowsPart]
    """In the order of `held.shelves`; no vector, no chunk."""
    dimensions: int
    precision: Precision


@dataclass(frozen=True, slots=True)
class LexicalParts:
    """What the lexical index knows beside its files."""

    documents: Ids
    shelf: Ids
    shelves: list[Shelf]
    vectors: TermVectorParts


@dataclass(frozen=True, slots=True)
class SavedParts:
    """All of a folder but the files of the lexical index."""

    lexical: LexicalParts
    meaning: MeaningParts
    facts: dict[str, Any]
    """What the saver wants to know again: JSON values."""


def write(folder: Path, parts: SavedParts) -> int:
    """Write all into `folder`, beside the lexical files that are there; bytes. Raises OSError."""
    meaning, lexical = parts.meaning, parts.lexical
    arrays = {
        "documents": meaning.held.documents,
        "shelf": meaning.held.shelf,
        "titled": meaning.held.titled,
        "passages": meaning.held.passages,
        "first_passage": meaning.held.first_passage,
        "lexical_documents": lexical.documents,
        "lexical_shelf": lexical.shelf,
        "term_documents": lexical.vectors.documents,
        "term_slots": lexical.vectors.slots,
    }
    for name, array in arrays.items():
        np.save(folder / name, array)
    if lexical.vectors.chunks:
        _write_chunks(folder / "terms.npy", lexical.vectors.chunks)
    _write_rows(folder, "titles", meaning.titles)
    for place, part in enumerate(meaning.by_shelf):
        _write_rows(folder, f"shelf-{place}", part)
    names = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
    files = {name: _checked(folder / name) for name in names}
    manifest = {
        "format": FORMAT,
        "facts": parts.facts,
        "shelves": meaning.held.shelves,
        "lexical_shelves": lexical.shelves,
        "dimensions": meaning.dimensions,
        "precision": meaning.precision,
        "structures": [
            None
            if part.structure is None
            else {"kind": part.structure.kind, "built_over": part.structure.built_over}
            for part in meaning.by_shelf
        ],
        "files": files,
    }
    text = json.dumps(manifest)
    (folder / _MANIFEST).write_text(json.dumps({"of": zlib.crc32(text.encode()), "text": text}))
    for name in [*names, _MANIFEST]:
        _flush(folder / name)
    return sum(size for size, _ in files.values())


def facts(folder: Path) -> dict[str, Any]:
    """What the saver noted, without a look at the rest. Raises BadIndexError."""
    found: dict[str, Any] = _manifest(folder)["facts"]
    return found


def read(folder: Path) -> SavedParts:
    """All that was written, checked. Raises BadIndexError for whatever is not as it was."""
    manifest = _manifest(folder)
    try:
        with ThreadPoolExecutor(_READERS) as readers:
            files = {name: tuple(noted) for name, noted in manifest["files"].items()}
            found = readers.map(lambda name: _checked(folder / name), files)
            wrong = [n for n, is_now in zip(files, found, strict=True) if files[n] != is_now]
        if wrong:
            raise BadIndexError(f"{', '.join(wrong[:3])} in it is not as it was written")
        return _assembled(folder, manifest)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadIndexError(f"it cannot be read: {error}") from error


def _assembled(folder: Path, manifest: dict[str, Any]) -> SavedParts:
    def array(name: str) -> NDArray[Any]:
        found: NDArray[Any] = np.load(folder / f"{name}.npy", allow_pickle=False)
        return found

    by_shelf = [
        _read_rows(folder, f"shelf-{place}", structure)
        for place, structure in enumerate(manifest["structures"])
    ]
    held = HeldParts(
        array("documents"),
        array("shelf"),
        array("titled"),
        array("passages"),
        array("first_passage"),
        [Shelf(*each) for each in manifest["shelves"]],
    )
    meaning = MeaningParts(
        held,
        _read_rows(folder, "titles", None),
        by_shelf,
        manifest["dimensions"],
        manifest["precision"],
    )
    lexical = LexicalParts(
        array("lexical_documents"),
        array("lexical_shelf"),
        [Shelf(*each) for each in manifest["lexical_shelves"]],
        _read_term_vectors(folder),
    )
    return SavedParts(lexical, meaning, manifest["facts"])


def _write_rows(folder: Path, name: str, part: RowsPart) -> None:
    np.save(folder / f"{name}-ids", part.ids)
    if not part.chunks:
        return
    _write_chunks(folder / f"{name}.npy", part.chunks)
    if part.structure is not None:
        part.structure.save(folder / f"{name}.faiss")


def _write_chunks(path: Path, chunks: Sequence[NDArray[Any]]) -> None:
    """Arrays one after the other as one."""
    rows = sum(map(len, chunks))
    header = {
        "descr": np.lib.format.dtype_to_descr(chunks[0].dtype),
        "fortran_order": False,
        "shape": (rows, *chunks[0].shape[1:]),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(chunk.data)


def _read_chunks(path: Path, rows: int) -> list[NDArray[Any]]:
    """As they were, each of `rows` rows but the last; mapped, not read."""
    # A private copy of what is written to: the file stays as it is.
    mapped: Any = np.load(path, mmap_mode="c", allow_pickle=False)
    return [np.asarray(mapped[start : start + rows]) for start in range(0, len(mapped), rows)]


def _read_term_vectors(folder: Path) -> TermVectorParts:
    documents = np.load(folder / "term_documents.npy", allow_pickle=False)
    slots = np.load(folder / "term_slots.npy", allow_pickle=False)
    path = folder / "terms.npy"
    return TermVectorParts(_read_chunks(path, CHUNK) if path.exists() else [], documents, slots)


def _read_rows(folder: Path, name: str, structure: dict[str, Any] | None) -> RowsPart:
    ids: Ids = np.load(folder / f"{name}-ids.npy", allow_pickle=False)
    path = folder / f"{name}.npy"
    if not len(ids):
        return RowsPart([], ids)
    chunks: list[Chunk] = _read_chunks(path, CHUNK_ROWS)
    rows = sum(map(len, chunks))
    if rows != len(ids):
        raise BadIndexError(f"{name} has {rows} vectors of {len(ids)} ids")
    if structure is None:
        return RowsPart(chunks, ids)
    kind: Kind = structure["kind"]
    return RowsPart(
        chunks, ids, Approximate.opened(kind, folder / f"{name}.faiss", structure["built_over"])
    )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        outer = json.loads((folder / _MANIFEST).read_text())
        if zlib.crc32(outer["text"].encode()) != outer["of"]:
            raise BadIndexError("the checksum of its manifest is wrong")
        found: dict[str, Any] = json.loads(outer["text"])
        if found["format"] != FORMAT:
            raise BadIndexError(f"it has format {found['format']}, not {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadIndexError(f"its manifest cannot be read: {error}") from error
    return found


def _checked(path: Path) -> tuple[int, int]:
    """Length and checksum of a file."""
    size = checksum = 0
    block = bytearray(_BLOCK)
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(block):
            checksum = zlib.crc32(memoryview(block)[:read], checksum)
            size += read
    return size, checksum


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def link_files(source: Path, target: Path, leave_out: Sequence[str] = ()) -> None:
    """Have every file of `source` in `target` too, without copying; both must be of one disk.

    Raises OSError, FileNotFoundError where one was taken away meanwhile.
    """
    target.mkdir(parents=True)
    for each in source.iterdir():
        if not each.name.endswith(tuple(leave_out) or ("\0",)):
            os.link(each, target / each.name)
