"""Encoding questions beside whoever asks, each text once."""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from search.embedder import Embedder, ModelUnavailableError, Vectors
from search.late_interaction import TokenVectors, encode_question

_REMEMBERED_TEXTS = 128
"""Of the longest each takes 0.4 MB, mostly for its words."""


class EncodedText(NamedTuple):
    """What a model makes of a text of a question."""

    vector: Vectors
    """(d,), of unit length."""
    words: TokenVectors | None
    """None where the model does not tell them."""


class EncodedQuestion(NamedTuple):
    """A question's text and its title."""

    whole: EncodedText
    line: EncodedText


class QuestionEncoder:
    """Encodes a question once, though it is asked by several callers or page after page; beside
    whoever asks, as many texts at a time as there are cores."""

    def __init__(self, embedder: Embedder) -> None:
        self.model_id = embedder.model_id
        self._embedder = embedder
        self._begun: OrderedDict[str, Future[EncodedText]] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(
            len(os.sched_getaffinity(0)), thread_name_prefix="encode-question"
        )

    def begin(self, text: str) -> Future[EncodedText]:
        """What `text` will be, or ModelUnavailableError."""
        with self._lock:
            begun = self._begun.get(text)
            if begun is None or (begun.done() and begun.exception() is not None):
                begun = self._begun[text] = self._threads.submit(self._encode, text)
            self._begun.move_to_end(text)
            while len(self._begun) > _REMEMBERED_TEXTS:
                self._begun.popitem(last=False)
        return begun

    def _encode(self, text: str) -> EncodedText:
        return EncodedText(*encode_question(self._embedder, text))


def encoded(begun: Sequence[Future[EncodedText]], notices: list[str]) -> EncodedQuestion | None:
    """Text and title once they are encoded; None of a text without words, and, with a notice,
    where there is no model."""
    if not begun:
        return None
    try:
        return EncodedQuestion(*(each.result() for each in begun))
    except ModelUnavailableError as error:
        notices.append(error.code)
        return None
