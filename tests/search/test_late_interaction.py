"""Late interaction: the words of a question against those of passages."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from opsatlas.db.transaction import reading, transaction
from search.documents import TextDocument, put_documents, remove_documents
from search.embedder import packaged_folder
from search.encoding import encode_missing, prune_vectors
from search.fusion import LATE_WEIGHT, WEIGHTS, reranked
from search.late_interaction import (
    DIMENSIONS,
    HALF_MET,
    LEAST_MET,
    STEEPNESS,
    TokenVectors,
    closeness,
    restored,
    stored,
    token_vectors,
)
from search.models import SearchWords
from search.onnx_embedder import OnnxEmbedder
from search.retriever import Retriever
from search.sentence_embedder import sentence_transformer


def some_words(seed: int, count: int) -> TokenVectors:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, DIMENSIONS)).astype(np.float32)
    telling = random.random(count) < 0.7
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TokenVectors(vectors, telling if telling.any() else ~telling)


def nearest_cosines(asked: TokenVectors, passage: TokenVectors) -> list[float]:
    """Of each telling word of a question with a passage's words, one by one."""
    return [
        max(float(vector @ word) for word in passage.vectors[passage.telling])
        for vector in asked.vectors[asked.telling]
    ]


@given(
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=5),
)
def test_closeness_is_that_of_comparing_each_word_with_each(
    seed: int, words: int, of_title: int, documents: list[tuple[int, int]]
) -> None:
    question, title = some_words(seed, words), some_words(seed + 1, of_title)
    passages, titles = [
        [some_words(seed + 2 + 2 * at + part, counts[part]) for at, counts in enumerate(documents)]
        for part in (0, 1)
    ]
    found = closeness(question, title, *map(all_stored, (passages, titles)))
    for passage, named, close in zip(passages, titles, found, strict=True):
        if not len(passage.vectors):
            assert close is None
            continue
        assert close is not None
        whole, line = nearest_cosines(question, passage), nearest_cosines(title, passage)
        assert close.mean == pytest.approx(np.mean(whole) + np.mean(line), abs=0.1)
        assert close.words_met == pytest.approx(np.quantile(whole, LEAST_MET), abs=0.07)
        assert close.share_met == pytest.approx(share_met(whole), abs=0.2)
        if not len(named.vectors):
            assert close.title_met is None
        else:
            assert close.title_met is not None
            by_question = nearest_cosines(named, question)
            assert close.title_met == pytest.approx(share_met(by_question), abs=0.2)


def all_stored(texts: list[TokenVectors]) -> list[bytes | None]:
    return [stored(each) if each.vectors.size else None for each in texts]


def share_met(cosines: list[float]) -> float:
    return float(np.mean([1 / (1 + math.exp(-STEEPNESS * (each - HALF_MET))) for each in cosines]))


def test_four_bits_a_dimension_keep_the_direction_of_every_telling_word() -> None:
    words = some_words(5, 50)
    kept = restored(stored(words))
    told = words.vectors[words.telling]
    assert len(stored(words)) == len(told) * DIMENSIONS // 2
    assert (kept * told).sum(axis=1).min() > 0.99
    assert restored(stored(TokenVectors(words.vectors[:0], words.telling[:0]))).shape == (0, 64)


def test_signs_are_no_words_and_stop_words_do_not_tell() -> None:
    states = np.eye(4, 384, dtype=np.float32)
    assert token_vectors(states, ["the", "pool", ".", "##ing"]).telling.tolist() == [0, 1, 1]
    assert token_vectors(states[:2], ["the", "and"]).telling.tolist() == [1, 1]
    assert token_vectors(states[:1], ["?"]).vectors.shape == (0, DIMENSIONS)


def test_words_are_those_of_the_last_layer_but_one(embedder: OnnxEmbedder) -> None:
    text = "the connection pool is exhausted"
    reference = sentence_transformer(packaged_folder(), "")
    read = reference.tokenizer(text, return_tensors="pt")
    states = reference[0].auto_model(**read, output_hidden_states=True).hidden_states[-2][0, 1:-1]
    expected = states.detach().numpy()
    vector, words = embedder.encode_question(text)
    assert words is not None
    as_there = token_vectors(expected, text.split())
    assert (words.vectors * as_there.vectors).sum(axis=1).min() > 0.9999
    assert words.telling.tolist() == [False, True, True, False, True]
    assert vector @ embedder.encode([text])[0] == pytest.approx(1.0, abs=1e-4)
    both, passages = embedder.encode_passages([text, "disk"])
    assert both[0] @ vector == pytest.approx(1.0, abs=1e-4)
    assert passages[0] == stored(words)


def test_a_passage_that_speaks_of_the_same_is_closer(embedder: OnnxEmbedder) -> None:
    _, question = embedder.encode_question("the pool has no free connections left")
    assert question is not None
    _, words = embedder.encode_passages(
        ["all connections of the pool are in use", "the certificate has expired"]
    )
    _, titles = embedder.encode_passages(["Pool exhausted", "Certificate expired"])
    same, other = closeness(question, question, words, titles)
    assert same is not None
    assert other is not None
    assert same.mean > other.mean + 0.2
    assert same.words_met > other.words_met + 0.1
    assert same.share_met > other.share_met + 0.3
    assert same.title_met is not None
    assert other.title_met is not None
    assert same.title_met > other.title_met + 0.3


scores = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(lambda each: sorted(each)[::-1])
late = st.lists(st.one_of(st.floats(0, 2), st.just(float("nan"))), max_size=20)


@given(scores, late)
def test_reranking_moves_nothing_across_its_depth(fused: list[float], closer: list[float]) -> None:
    closer = closer[: len(fused)]
    found = reranked(np.array(fused), np.array(closer))
    assert len(found) == len(fused)
    if np.isnan(closer).all():
        assert found.tolist() == fused
        return
    first, rest = found[: len(closer)], found[len(closer) :]
    assert rest.tolist() == sorted(rest)[::-1]
    assert not len(rest) or first.min() >= rest.max() - 1e-12
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-12


def test_the_closer_of_two_equals_comes_first_and_what_is_not_known_stays() -> None:
    closer = reranked(np.array([0.5, 0.5, 0.5]), np.array([0.4, 0.9, np.nan]))
    assert closer[1] > closer[2] == 0.5 > closer[0]
    assert closer[1] - closer[0] == pytest.approx(
        LATE_WEIGHT / (sum(WEIGHTS.values()) + LATE_WEIGHT)
    )


POOL = TextDocument("article", "A-1", "Pool exhausted", "All connections of the pool are in use.")
DISK = TextDocument("article", "A-2", "Disk full", "No space is left on the device.")


def count_words(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(SearchWords)) or 0


def test_words_come_with_vectors_count_in_the_order_and_go_with_them(
    engine: Engine, embedder: OnnxEmbedder
) -> None:
    with transaction(engine) as session:
        put_documents(session, [POOL, DISK])
    encode_missing(engine, embedder, batch_size=8)
    assert count_words(engine) == 4  # a title and a passage of each
    hits = Retriever(engine, embedder).retrieve("connections of the pool").hits
    assert [hit.key for hit in hits] == ["A-1", "A-2"]
    right, other = (hit.close for hit in hits)
    assert right is not None
    assert other is not None
    assert right.words_met > other.words_met + 0.1
    with transaction(engine) as session:
        remove_documents(session, "article", ["A-1"])
        prune_vectors(session)
    assert count_words(engine) == 2


def test_what_was_stored_without_words_is_found_as_well(
    engine: Engine, embedder: OnnxEmbedder
) -> None:
    without = OnnxEmbedder.load(tells_words=False)
    with transaction(engine) as session:
        put_documents(session, [POOL, DISK])
    encode_missing(engine, without, batch_size=8)
    assert count_words(engine) == 0
    hits = Retriever(engine, embedder).retrieve("connections of the pool").hits
    assert [(hit.key, hit.close) for hit in hits] == [("A-1", None), ("A-2", None)]
    as_before = Retriever(engine, without).retrieve("connections of the pool").hits
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in as_before])
