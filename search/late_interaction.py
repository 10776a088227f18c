"""Late interaction: each word of a question against the nearest word of a passage.

One vector a passage says what it is about; the vectors of its words say whether it speaks of the
same thing (Khattab and Zaharia, ColBERT, SIGIR 2020). They are taken from the last layer but one of
the model that makes the passage's vector, in the same pass, and kept in 64 dimensions of four bits
(docs/decisions/0017-late-interaction.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from search.embedder import Embedder, Vectors
from search.terms import STOP_WORDS

DIMENSIONS = 64
"""Of a word's vector, of the model's 384."""

BASIS = files("search.glossary").joinpath("late_basis.npy")
"""Where the basis of those lies; see `_basis`."""

LEAST_MET = 0.35
"""Quantile of a question's telling words that `Closeness.words_met` is: those that are met worst.
On the judged questions 0.1 to 0.4 do alike."""

HALF_MET, STEEPNESS = 0.5, 20.0
"""Cosine with the nearest word at which a word counts as half met, and the slope of the logistic
function around it: at 0.4 an eighth is met, at 0.6 seven eighths. Looked for from 0.4 to 0.65
(docs/quality.md)."""

_LEVELS = 7
"""Of each sign: with zero 15, which four bits can tell apart."""

# fmt: off
_MORE_STOP_WORDS = frozenset((
    "i", "we", "you", "he", "she", "my", "our", "me", "have", "has", "had", "do", "does", "did",
    "what", "when", "which", "who", "how", "can", "could", "from", "so", "just", "also", "only",
    "all", "any", "some", "been", "were", "am", "after", "before", "since", "than", "too", "very",
    "s", "t", "m", "re", "ve", "don",
))
# fmt: on
_PIECE = "##"


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """The words of a text, or their pieces, without signs between them."""

    vectors: Vectors
    """(t, 64), of unit length."""
    telling: NDArray[np.bool_]
    """(t,): which are no stop words; all of them where there is nothing else."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """What a question and a passage say of each other."""

    mean: float
    """Mean over the telling words of the question, and of its title, of the cosine with the nearest
    word of the passage; 0 to 2."""
    words_met: float
    """That cosine at the `LEAST_MET` quantile of the question's words: how far all are met."""
    share_met: float
    """Share of the telling words of the question that the passage meets, 0 to 1."""
    title_met: float | None
    """Share of the words of the document's title that the question meets, 0 to 1: another fault of
    the same system has another name. None where no word of it is known."""


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that may tell the vectors of words too."""

    def encode_passages(self, texts: Sequence[str]) -> tuple[Vectors, list[bytes | None]]:
        """What `encode` gives, and the words of each text as they are stored; None where it does
        not tell. Raises as `encode` does."""

    def encode_question(self, text: str) -> tuple[Vectors, TokenVectors | None]:
        """What `encode_questions` gives of one text (d,), and its words."""


def encode_passages(embedder: Embedder, texts: Sequence[str]) -> tuple[Vectors, list[bytes | None]]:
    """Vectors of texts, and their words where the embedder tells them."""
    if isinstance(embedder, TokenEmbedder):
        return embedder.encode_passages(texts)
    return embedder.encode(texts), [None] * len(texts)


def encode_question(embedder: Embedder, text: str) -> tuple[Vectors, TokenVectors | None]:
    """The vector of a question, and its words where the embedder tells them."""
    if isinstance(embedder, TokenEmbedder):
        return embedder.encode_question(text)
    return embedder.encode_questions([text])[0], None


def token_vectors(states: Vectors, tokens: Sequence[str]) -> TokenVectors:
    """The words among `tokens` (word pieces without the special ones), by their `states` (t, d)."""
    words = [at for at, token in enumerate(tokens) if any(map(str.isalnum, token))]
    telling = np.array([_tells(tokens[at]) for at in words], np.bool_)
    vectors = _unit(_unit(states[words]) @ _basis())
    return TokenVectors(vectors, telling if telling.any() else ~telling)


def stored(tokens: TokenVectors) -> bytes:
    """The telling words: half a byte a dimension, each word in steps of its greatest one."""
    vectors = tokens.vectors[tokens.telling]
    greatest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True, initial=0.0), 1e-9)
    steps = (np.rint(vectors / greatest * _LEVELS) + _LEVELS + 1).astype(np.uint8)
    packed: bytes = (steps[:, 0::2] << 4 | steps[:, 1::2]).tobytes()
    return packed


def restored(words: bytes) -> Vectors:
    """(t, 64), of unit length: what `stored` kept of them."""
    halves = np.frombuffer(words, np.uint8).reshape(-1, DIMENSIONS // 2)
    vectors = np.empty((len(halves), DIMENSIONS), np.float32)
    vectors[:, 0::2], vectors[:, 1::2] = halves >> 4, halves & 15
    return _unit(vectors - (_LEVELS + 1))


def closeness(
    question: TokenVectors,
    title: TokenVectors,
    passages: Sequence[bytes | None],
    titles: Sequence[bytes | None],
) -> list[Closeness | None]:
    """Of each passage, and of the title of its document, as they are `stored`; None where nothing
    is known of the passage's words."""
    found: list[Closeness | None] = [None] * len(passages)
    known = [(at, each) for at, each in enumerate(passages) if each]
    if not known or not len(question.vectors) or not len(title.vectors):
        return found
    words, starts, _ = _together([each for _, each in known])
    asked = question.vectors[question.telling]
    cosines = np.concatenate([asked, title.vectors[title.telling]]) @ words.T
    of_question, of_title = np.split(np.maximum.reduceat(cosines, starts, axis=1), [len(asked)])
    means = of_question.mean(axis=0) + of_title.mean(axis=0)
    least = np.quantile(of_question, LEAST_MET, axis=0)
    shares = _met(of_question).mean(axis=0)
    names = _titles_met(asked, titles)
    for (at, _), mean, worst, share in zip(
        known, means.tolist(), least.tolist(), shares.tolist(), strict=True
    ):
        found[at] = Closeness(mean, worst, share, names[at])
    return found


def _titles_met(asked: Vectors, titles: Sequence[bytes | None]) -> list[float | None]:
    """Of each title the share of words that `asked` (q, 64) meets; None of one without words."""
    found: list[float | None] = [None] * len(titles)
    known = [(at, each) for at, each in enumerate(titles) if each]
    if known:
        words, starts, counts = _together([each for _, each in known])
        met = np.add.reduceat(_met((words @ asked.T).max(axis=1)), starts) / counts
        for (at, _), share in zip(known, met.tolist(), strict=True):
            found[at] = share
    return found


def _together(texts: Sequence[bytes]) -> tuple[Vectors, NDArray[np.int64], NDArray[np.int64]]:
    """The words of all texts, where those of each begin, and how many these are."""
    counts = np.array([2 * len(each) // DIMENSIONS for each in texts], np.int64)
    return restored(b"".join(texts)), np.cumsum(counts) - counts, counts


def _met(nearest: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far words are met, 0 to 1, by the cosine of each with the word nearest to it."""
    met: NDArray[np.float32] = 1 / (1 + np.exp(-STEEPNESS * (nearest - HALF_MET)))
    return met


@cache
def _basis() -> Vectors:
    """(384, 64): where the words of the seed data differ most, turned at random so that all
    dimensions are worth as much; `python -m bench.late_basis` makes it. What is stored can be read
    with the same alone."""
    with BASIS.open("rb") as file:
        basis: Vectors = np.load(file).astype(np.float32)
    return basis


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit


def _tells(token: str) -> bool:
    word = token.removeprefix(_PIECE)
    return word not in STOP_WORDS and word not in _MORE_STOP_WORDS
