"""A saved index answers as it did, follows what came since, and is not used unless it is sound."""

import json
import os
import shutil
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from opsatlas import audit
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import transaction
from search import saved_index
from search.documents import TextDocument, put_documents, remove_documents
from search.encoding import encode_missing
from search.retriever import Retriever
from search.saved_index import SavedIndexes
from tests.search.conftest import CountingEmbedder, HashingEmbedder

COUNT = 30


def article(number: int, text: str = "pool exhausted") -> TextDocument:
    groups = frozenset({"payments"}) if number % 5 == 0 else frozenset()
    return TextDocument("article", f"A-{number}", f"{text} {number}", f"on host {number}", groups)


def put(engine: Engine, *documents: TextDocument) -> None:
    with transaction(engine) as session:
        audit.record(session, SYSTEM, [audit.Write("create", "article", 1, None, {"title": "x"})])
        put_documents(session, documents)


def retriever_of(engine: Engine, folder: Path, **options: object) -> Retriever:
    saved = SavedIndexes(engine, folder, saved_from=0)
    return Retriever(engine, HashingEmbedder(), saved=saved, **options)  # type: ignore[arg-type]


def seen(retriever: Retriever) -> dict[str, tuple[float, float, float]]:
    """Everything that is found, with its signals."""
    hits = retriever.retrieve("pool exhausted 7 kettle", groups=None, limit=200).hits
    return {
        hit.key: (round(hit.bm25, 4), round(hit.semantic, 4), round(hit.lexical, 4)) for hit in hits
    }


def meant(retriever: Retriever) -> dict[str, float]:
    """Everything that is found, with its cosine. How rare a word is still counts what was taken
    out of a lexical index a moment ago."""
    return {key: semantic for key, (_, semantic, _) in seen(retriever).items()}


def names(events: Sequence[Mapping[str, object]]) -> list[object]:
    return [each["event"] for each in events]


@pytest.fixture
def saved(engine: Engine, hashing: CountingEmbedder, tmp_path: Path) -> Path:
    """A folder with the saved index of some documents, all of them encoded but one."""
    put(engine, *(article(number) for number in range(COUNT)))
    encode_missing(engine, hashing, batch_size=64)
    put(engine, article(COUNT, "pool not encoded"))
    retriever = retriever_of(engine, tmp_path)
    retriever.refresh()
    retriever.stop()
    return tmp_path


def files(folder: Path) -> list[Path]:
    home = next(folder.glob("search-*"))
    current = home / (home / "current").read_text()
    return sorted(path for path in current.rglob("*") if path.is_file())


def test_a_saved_index_answers_as_one_that_was_built(engine: Engine, saved: Path) -> None:
    with capture_logs() as events:
        opened = retriever_of(engine, saved)
        found = seen(opened)
    assert names(events) == ["saved_index_opened"]
    assert len(found) == COUNT + 1
    assert found == seen(Retriever(engine, HashingEmbedder()))
    public = {hit.key for hit in opened.retrieve("pool exhausted", limit=200).hits}
    assert not public & {f"A-{number}" for number in range(0, COUNT, 5)}


def test_what_changed_since_it_was_saved_comes_in(
    engine: Engine, hashing: CountingEmbedder, saved: Path
) -> None:
    put(engine, article(3, "kettle"), article(99, "kettle"))
    encode_missing(engine, hashing, batch_size=64)
    with transaction(engine) as session:
        remove_documents(session, "article", ["A-4", "A-5"])
    opened = retriever_of(engine, saved)
    assert opened.refresh().on_disk
    assert meant(opened) == meant(Retriever(engine, HashingEmbedder()))
    # And it can be changed, saved and opened again.
    put(engine, *(article(number, "kettle") for number in range(10, 20)))
    opened.stop()
    again = retriever_of(engine, saved)
    assert meant(again) == meant(Retriever(engine, HashingEmbedder()))


def test_an_index_is_saved_as_soon_as_it_is_built(sqlite_engine: Engine, tmp_path: Path) -> None:
    put(sqlite_engine, article(1))
    retriever = retriever_of(sqlite_engine, tmp_path)
    retriever.retrieve("pool")
    until = time.monotonic() + 30
    while not list(tmp_path.glob("search-*/current")) and time.monotonic() < until:
        time.sleep(0.01)
    assert files(tmp_path)
    retriever.stop()


@pytest.mark.parametrize("damage", ["one wrong byte", "its end is missing", "gone"])
def test_each_file_that_is_not_as_it_was_written_is_noticed(
    sqlite_engine: Engine, hashing: CountingEmbedder, tmp_path: Path, damage: str
) -> None:
    put(sqlite_engine, *(article(number) for number in range(8)))
    encode_missing(sqlite_engine, hashing, batch_size=64)
    whole = seen(Retriever(sqlite_engine, HashingEmbedder()))
    first = retriever_of(sqlite_engine, tmp_path / "good")
    first.refresh()
    first.stop()
    for number, name in enumerate(
        [path.relative_to(tmp_path / "good") for path in files(tmp_path / "good")]
    ):
        folder = tmp_path / f"bad-{number}"
        shutil.copytree(tmp_path / "good", folder)
        path = folder / name
        content = bytearray(path.read_bytes())
        path.unlink()
        if damage != "gone":
            if damage == "one wrong byte" and content:
                content[len(content) // 2] ^= 1
            else:
                content = content[:-1] if content else bytearray(b"x")
            path.write_bytes(content)
        with capture_logs() as events:
            assert seen(retriever_of(sqlite_engine, folder)) == whole, name
        assert "saved_index_refused" in names(events), name


def test_an_index_of_another_format_is_built_anew(sqlite_engine: Engine, tmp_path: Path) -> None:
    put(sqlite_engine, article(1))
    first = retriever_of(sqlite_engine, tmp_path)
    first.refresh()
    first.stop()
    path = next(each for each in files(tmp_path) if each.name == "manifest.json")
    manifest = json.loads(json.loads(path.read_text())["text"]) | {"format": 99}
    text = json.dumps(manifest)
    path.write_text(json.dumps({"of": zlib.crc32(text.encode()), "text": text}))
    with capture_logs() as events:
        assert len(seen(retriever_of(sqlite_engine, tmp_path))) == 1
    assert "saved_index_refused" in names(events)


def test_the_index_of_another_model_or_precision_is_built_anew(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    class Other(HashingEmbedder):
        model_id = "another"

    put(sqlite_engine, article(1))
    first = retriever_of(sqlite_engine, tmp_path)
    first.refresh()
    first.stop()
    saved = SavedIndexes(sqlite_engine, tmp_path, saved_from=0)
    with capture_logs() as events:
        Retriever(sqlite_engine, Other(), saved=saved).retrieve("pool")
        retriever_of(sqlite_engine, tmp_path, vector_precision="fp16").retrieve("pool")
    assert names(events).count("saved_index_refused") == 2


def test_an_index_whose_terms_another_version_made_is_built_anew(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sqlite_engine, article(1))
    monkeypatch.setattr(saved_index, "analysis", lambda: "before an upgrade")
    first = retriever_of(sqlite_engine, tmp_path)
    first.refresh()
    first.stop()
    monkeypatch.undo()
    with capture_logs() as events:
        upgraded = retriever_of(sqlite_engine, tmp_path)
        assert len(seen(upgraded)) == 1
    assert "saved_index_refused" in names(events)
    upgraded.stop()
    with capture_logs() as events:
        seen(retriever_of(sqlite_engine, tmp_path))
    assert names(events) == ["saved_index_opened"]


def test_the_index_of_a_database_that_went_another_way_is_built_anew(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    put(sqlite_engine, article(1))
    database = Path(sqlite_engine.url.database or "")
    sqlite_engine.dispose()
    shutil.copy(database, tmp_path / "backup")
    put(sqlite_engine, article(2, "kettle"))
    first = retriever_of(sqlite_engine, tmp_path)
    assert len(seen(first)) == 2
    first.stop()
    # The backup comes back, and goes on otherwise, up to the same revision.
    sqlite_engine.dispose()
    for each in database.parent.glob(f"{database.name}*"):
        each.unlink()
    shutil.copy(tmp_path / "backup", database)
    put(sqlite_engine, article(3, "kettle"))
    with capture_logs() as events:
        assert set(seen(retriever_of(sqlite_engine, tmp_path))) == {"A-1", "A-3"}
    assert "saved_index_refused" in names(events)


def test_a_database_without_any_audit_entry_has_no_file(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    with transaction(sqlite_engine) as session:
        put_documents(session, [article(1)])
    retriever = retriever_of(sqlite_engine, tmp_path / "kept")
    assert len(seen(retriever)) == 1
    retriever.stop()
    assert not (tmp_path / "kept").exists()


def test_a_small_index_is_not_saved_and_is_once_it_has_grown(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    put(sqlite_engine, article(1))
    saved = SavedIndexes(sqlite_engine, tmp_path, saved_from=5)
    retriever = Retriever(sqlite_engine, HashingEmbedder(), saved=saved)
    assert not retriever.refresh().on_disk
    put(sqlite_engine, *(article(number) for number in range(2, 15)))
    retriever.refresh()
    assert retriever.refresh().on_disk
    retriever.stop()
    assert list(tmp_path.glob("search-*/current"))


def test_what_a_process_left_that_was_killed_is_tidied_up(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    put(sqlite_engine, article(1))
    first = retriever_of(sqlite_engine, tmp_path)
    first.refresh()
    first.stop()
    home = next(tmp_path.glob("search-*"))
    left, busy = home / "work-dead", home / "saving-half"
    for folder in (left, busy):
        folder.mkdir()
        (folder / "something").write_text("x")
        os.utime(folder, (0, 0))
    second = retriever_of(sqlite_engine, tmp_path)
    put(sqlite_engine, *(article(number) for number in range(300)))
    second.refresh()
    second.stop()
    assert not left.exists()
    assert not busy.exists()
    # What a living process works with stays.
    assert second.refresh().on_disk


def test_a_structure_is_saved_with_its_vectors(
    sqlite_engine: Engine, hashing: CountingEmbedder, tmp_path: Path
) -> None:
    put(sqlite_engine, *(article(number) for number in range(1, 1_300)))
    encode_missing(sqlite_engine, hashing, batch_size=512)
    first = retriever_of(sqlite_engine, tmp_path, vector_index="ivf")
    first.refresh().settle()
    before = seen(first)
    first.stop()
    assert any(path.suffix == ".faiss" for path in files(tmp_path))
    second = retriever_of(sqlite_engine, tmp_path, vector_index="ivf")
    assert seen(second).keys() == before.keys()
