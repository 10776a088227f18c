"""Small deterministic stand-ins for property tests."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from search.embedder import Embedder, Vectors


class CountingEmbedder:
    """Passes on to an embedder and counts how often each text was encoded."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.model_id = inner.model_id
        self.dimensions = inner.dimensions
        self.encoded: Counter[str] = Counter()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded.update(texts)
        return self._inner.encode(texts)

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)


class HashingEmbedder:
    """A bag of hashed words: quick and deterministic, for tests in which meaning plays no part."""

    model_id = "hashing"
    dimensions = 32

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, hashlib.sha256(word.encode()).digest()[0] % self.dimensions] += 1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)


@pytest.fixture
def hashing() -> CountingEmbedder:
    """The quick stand-in, counted."""
    return CountingEmbedder(HashingEmbedder())
