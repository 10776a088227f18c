"""Which model encodes, and by what: read from the settings, before anything is loaded."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings
from search.embedder import (
    PACKAGED_DIMENSIONS,
    PACKAGED_MODEL,
    PACKAGED_MODEL_ID,
    Embedder,
    ModelUnavailableError,
)
from search.onnx_embedder import INT8_MODEL_ID, ONNX_MODEL_IDS, OnnxEmbedder
from search.sentence_embedder import SentenceTransformerEmbedder, sentence_transformer
from search.spaces import Space

# Of each file of another model: all of a small one, this many blocks of a large one. Reading
# gigabytes whole would cost seconds at every start.
_BLOCK, _BLOCKS = 64 * 1024, 64


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What `WarmingEmbedder` loads, and what it is called meanwhile."""

    model_id: str
    dimensions: int
    runtime: Literal["onnx", "torch"]
    folder: Path | None = None
    """Of another model than the packaged one."""
    question_prompt: str = ""
    document_prompt: str = ""
    threads: int = 0

    def load(self) -> Embedder:
        """Raises ModelUnavailableError where it cannot be loaded."""
        if self.folder is None and self.runtime == "torch" and self.model_id == PACKAGED_MODEL_ID:
            return SentenceTransformerEmbedder.load(threads=self.threads)
        if self.folder is None:
            return self._run_by_onnx()
        _check_same(self.folder, self.model_id, self.document_prompt)
        return SentenceTransformerEmbedder(
            sentence_transformer(self.folder, "is the folder that of one model, whole?"),
            model_id=self.model_id,
            dimensions=self.dimensions,
            question_prompt=self.question_prompt,
            document_prompt=self.document_prompt,
            threads=self.threads,
        )

    def _run_by_onnx(self) -> Embedder:
        for (int8, glossed), model_id in ONNX_MODEL_IDS.items():
            if model_id == self.model_id:
                return OnnxEmbedder.load(int8=int8, glossed=glossed, threads=self.threads)
        raise ModelUnavailableError(
            f"this release does not make the vectors of {self.model_id}",
            hint="they serve again once their release runs; or wait until all is encoded anew",
        )

    @property
    def space(self) -> Space:
        """The space of its vectors, with what another process needs to load it too."""
        recipe = {
            "runtime": self.runtime,
            "folder": None if self.folder is None else str(self.folder),
            "question_prompt": self.question_prompt,
            "document_prompt": self.document_prompt,
        }
        return Space(self.model_id, self.dimensions, recipe)

    @classmethod
    def of(cls, space: Space, *, threads: int = 0) -> ModelChoice:
        """The model that a space was declared with.

        Raises ModelUnavailableError where nothing says how it is loaded: an earlier release
        encoded it.
        """
        recipe = space.recipe
        if not recipe:
            raise ModelUnavailableError(
                f"nothing says how the model {space.model_id} is loaded",
                hint="set OPSATLAS_EMBEDDING_MODEL to it",
            )
        return cls(
            space.model_id,
            space.dimensions,
            recipe["runtime"],
            None if recipe["folder"] is None else Path(recipe["folder"]),
            recipe["question_prompt"],
            recipe["document_prompt"],
            threads,
        )


def chosen_model(settings: Settings) -> ModelChoice:
    """The model that the settings name.

    Raises InvalidInputError where it is not on this machine, or the settings contradict each other.
    """
    if settings.embedding_model == PACKAGED_MODEL:
        return _packaged(settings)
    if settings.embedding_runtime == "onnx" or settings.embedding_precision == "int8":
        raise InvalidInputError(
            f"ONNX Runtime and int8 are for {PACKAGED_MODEL} only",
            hint="leave OPSATLAS_EMBEDDING_RUNTIME and OPSATLAS_EMBEDDING_PRECISION out",
        )
    folder = _folder(settings.embedding_model)
    return ModelChoice(
        model_id=_model_id(folder, settings.embedding_document_prompt),
        dimensions=_dimensions(folder),
        runtime="torch",
        folder=folder,
        question_prompt=settings.embedding_question_prompt,
        document_prompt=settings.embedding_document_prompt,
        threads=settings.embedding_threads,
    )


def _packaged(settings: Settings) -> ModelChoice:
    int8 = settings.embedding_precision == "int8"
    if int8 and settings.embedding_runtime == "torch":
        raise InvalidInputError(
            "PyTorch runs the model in fp32 only",
            hint="OPSATLAS_EMBEDDING_RUNTIME=onnx, or OPSATLAS_EMBEDDING_PRECISION=fp32",
        )
    if settings.embedding_question_prompt or settings.embedding_document_prompt:
        raise InvalidInputError(
            f"{PACKAGED_MODEL} was made without prompts",
            hint="OPSATLAS_EMBEDDING_…_PROMPT are for another OPSATLAS_EMBEDDING_MODEL",
        )
    return ModelChoice(
        model_id=INT8_MODEL_ID if int8 else PACKAGED_MODEL_ID,
        dimensions=PACKAGED_DIMENSIONS,
        runtime="torch" if settings.embedding_runtime == "torch" else "onnx",
        threads=settings.embedding_threads,
    )


def _folder(model: str) -> Path:
    """A path as it is; a name's folder in the cache of Hugging Face, nothing is fetched."""
    path = Path(model).expanduser()
    if (path / "config.json").is_file() or (path / "modules.json").is_file():
        return path.absolute()
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - for a name only

    for name in (model, f"sentence-transformers/{model}"):
        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (OSError, ValueError):  # not there, or no name at all
            continue
    raise InvalidInputError(
        f"OPSATLAS_EMBEDDING_MODEL: there is no model {model} on this machine",
        hint="name a folder with config.json, or a model in the cache of Hugging Face;"
        " nothing is fetched",
    )


def _model_id(folder: Path, document_prompt: str) -> str:
    return f"{folder.name[:80]}@{_fingerprint(folder, document_prompt)}"


def _check_same(folder: Path, model_id: str, document_prompt: str) -> None:
    """Raises ModelUnavailableError where the files are not those that the id was made of: other
    weights in the same folder make other vectors."""
    try:
        found = _model_id(folder, document_prompt)
    except OSError as error:
        raise ModelUnavailableError(f"the model in {folder} cannot be read: {error}") from error
    if found != model_id:
        raise ModelUnavailableError(
            f"{folder} does not hold the model {model_id} (any more), but {found}",
            hint="keep each model in a folder of its own",
        )


def _fingerprint(folder: Path, document_prompt: str) -> str:
    """Of everything that shapes the vectors: the files, and what is put before each text."""
    digest = hashlib.sha256(document_prompt.encode())
    for file in sorted(folder.rglob("*")):
        if file.suffix not in {".json", ".txt", ".safetensors", ".bin", ".model"}:
            continue
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder)} {size}\n".encode())
        with file.open("rb") as opened:
            for start in range(0, size, max(_BLOCK, size // _BLOCKS)):
                opened.seek(start)
                digest.update(opened.read(_BLOCK))
    return digest.hexdigest()[:12]


def _dimensions(folder: Path) -> int:
    """What the last module that says so makes; without modules, the network's own width."""
    modules = folder / "modules.json"
    paths = [each["path"] for each in _json(modules)] if modules.is_file() else []
    for path in reversed([path for path in paths if path]):
        if (folder / path / "config.json").is_file():
            config = _json(folder / path / "config.json")
            if "out_features" in config:
                return int(config["out_features"])
            for width in ("word_embedding_dimension", "embedding_dimension"):
                if width in config:
                    modes = sum(1 for key, on in config.items() if "pooling_mode_" in key and on)
                    return int(config[width]) * max(1, modes)
    width = _json(folder / "config.json").get("hidden_size")
    if not isinstance(width, int):
        raise InvalidInputError(
            f"OPSATLAS_EMBEDDING_MODEL: the files in {folder} do not say how wide its vectors are",
            hint="save it with sentence-transformers' own `save`",
        )
    return width


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"OPSATLAS_EMBEDDING_MODEL: {file} cannot be read: {error}"
        ) from error
