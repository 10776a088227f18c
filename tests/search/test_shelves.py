"""What a reader may not read takes part in nothing: answers are those of a collection without."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from opsatlas.db.transaction import transaction
from opsatlas.groups import audience_of
from search import in_step
from search.collection import Collection, Question
from search.documents import PutCounts, TextDocument, put_documents
from search.embedder import Embedder
from search.encoding import encode_missing
from search.fusion import Signal
from search.in_memory import VectorsInMemory
from search.lexical_fields import LexicalEntry
from search.meaning import DocumentVectors
from search.retriever import Retriever
from search.shelves import Shelf, readable
from tests.search.conftest import CountingEmbedder, HashingEmbedder

GROUPS = ["dba", "payments", "red team"]
WORDS = ["pool", "exhausted", "orders", "disk", "timeout", "db-orders-01", "secret"]
LENGTH = 4
"""Words of each text: equal, as the mean length of a document is of all documents."""

HASHING = HashingEmbedder()

texts = st.lists(st.sampled_from(WORDS[:5]), min_size=LENGTH, max_size=LENGTH).map(" ".join)
shelves = st.builds(
    Shelf,
    st.sampled_from(["incident", "article"]),
    st.sets(st.sampled_from(GROUPS), max_size=2).map(audience_of),
)
documents = st.lists(st.tuples(shelves, texts), max_size=14)
readers = st.none() | st.frozensets(st.sampled_from(GROUPS), max_size=2)


def filled(entries: Iterable[LexicalEntry]) -> Collection:
    """A collection of these, with vectors of their words."""
    held = list(entries)
    made = Collection(VectorsInMemory(HASHING.dimensions))
    vectors = HASHING.encode([entry.text for entry in held])
    made.apply(
        held,
        [
            DocumentVectors(entry.id, entry.shelf, vector, {100 + entry.id: vector})
            for entry, vector in zip(held, vectors, strict=True)
        ],
    )
    return made


def question(of: Collection, text: str, groups: frozenset[str] | None) -> Question:
    (vector,) = HASHING.encode([text])
    query = of.query(text, groups=groups)
    return Question(query, query, vector, vector)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    documents,
    readers,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    st.none() | st.just(["article"]),
    st.integers(1, 5),
)
def test_a_reader_is_answered_as_if_nothing_else_were_there(
    held: list[tuple[Shelf, str]],
    groups: frozenset[str] | None,
    text: str,
    kinds: list[str] | None,
    limit: int,
) -> None:
    entries = [LexicalEntry(id_, shelf, "", words) for id_, (shelf, words) in enumerate(held)]
    whole = filled(entries)
    mine = filled(entry for entry in entries if readable([entry.shelf], groups))
    asked, alone = question(whole, text, groups), question(mine, text, None)
    assert asked.whole.counts == alone.whole.counts
    assert asked.whole.idf == pytest.approx(alone.whole.idf)

    everything = len(entries) + 1
    by_words = whole.lexical_ranking(asked.whole, everything, kinds, groups)
    assert by_words == pytest.approx(
        mine.lexical_ranking(alone.whole, everything, kinds, None), rel=1e-5
    )
    assert whole.matches(asked.whole, list(by_words)) == mine.matches(alone.whole, list(by_words))

    (vector,) = HASHING.encode([text])
    for most in (limit, everything):
        near = whole.semantic_ranking(vector, most, kinds, groups)
        oracle = mine.semantic_ranking(vector, most, kinds, None)
        # Of equals at the end of the list either may be named.
        assert sorted(near.values()) == pytest.approx(sorted(oracle.values()))
        assert len(whole.lexical_ranking(asked.whole, most, kinds, groups)) == min(
            most, len(by_words)
        )

    found = whole.candidates(asked, everything, kinds, groups)
    expected = mine.candidates(alone, everything, kinds, None)
    assert sorted(found.ids) == sorted(expected.ids)
    for name, scores in found.signals.items():
        by_id = dict(zip(expected.ids, expected.signals[name].tolist(), strict=True))
        assert dict(zip(found.ids, scores.tolist(), strict=True)) == pytest.approx(
            by_id, rel=1e-5, nan_ok=True
        )


def test_better_documents_of_others_take_no_place_from_a_reader() -> None:
    others = [LexicalEntry(n, Shelf("incident", audience_of(["dba"])), "", "pool exhausted " * 9)
              for n in range(300)]  # fmt: skip
    mine = [LexicalEntry(n, Shelf("incident"), "", f"pool seen {n}") for n in range(300, 305)]
    made = filled([*others, *mine])
    nobody: frozenset[str] = frozenset()
    ids = {entry.id for entry in mine}
    asked = question(made, "pool exhausted", nobody)
    assert made.lexical_ranking(asked.whole, 5).keys() == ids
    (vector,) = HASHING.encode(["pool exhausted"])
    assert made.semantic_ranking(vector, 5).keys() == ids
    assert set(made.candidates(asked, 5).ids) == ids


def test_a_word_of_a_hidden_document_is_as_new_as_one_that_nothing_has() -> None:
    hidden = LexicalEntry(1, Shelf("incident", audience_of(["dba"])), "", "takeover pool 4711")
    made = filled([hidden, LexicalEntry(2, Shelf("incident"), "", "pool of the orders")])
    nobody: frozenset[str] = frozenset()

    def told(word: str) -> tuple[float, list[str]]:
        match = made.matches(made.query(f"pool {word}", groups=nobody), [2])[2]
        return match.share, match.words

    assert told("takeover") == told("takeaway")
    assert told("4711") == told("4712")
    assert made.matches(made.query("pool 4711", groups=nobody), [1])[1].words == ["pool"]


def put(engine: Engine, *given_documents: TextDocument) -> PutCounts:
    with transaction(engine) as session:
        return put_documents(session, given_documents)


def document(*groups: str, key: str = "INC-1", text: str = "pool exhausted") -> TextDocument:
    return TextDocument("incident", key, "Checkout 502", text, frozenset(groups))


def keys(retriever: Retriever, text: str, *groups: str) -> list[str]:
    return [hit.key for hit in retriever.retrieve(text, groups=frozenset(groups)).hits]


def test_a_change_of_the_groups_alone_files_the_document_anew_and_encodes_nothing(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    retriever = Retriever(engine, hashing)
    put(engine, document())
    encode_missing(engine, hashing, batch_size=8)
    assert keys(retriever, "pool") == ["INC-1"]

    assert put(engine, document("dba")) == PutCounts(created=0, updated=1, unchanged=0)
    assert put(engine, document("dba")) == PutCounts(created=0, updated=0, unchanged=1)
    assert encode_missing(engine, hashing, batch_size=8) == 0
    assert keys(retriever, "pool") == keys(retriever, "pool", "payments") == []
    (hit,) = retriever.retrieve("pool exhausted", groups=frozenset({"payments", "dba"})).hits
    assert hit.signals[Signal.SEMANTIC] is not None
    assert [each.key for each in retriever.retrieve("pool", groups=None).hits] == ["INC-1"]

    put(engine, document())
    assert keys(retriever, "pool") == ["INC-1"]


def test_whoever_does_not_say_who_asks_finds_what_is_for_everyone(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    put(engine, document("dba"), document(key="INC-2"))
    assert [hit.key for hit in Retriever(engine, hashing).retrieve("pool").hits] == ["INC-2"]


def test_what_was_closed_a_moment_ago_is_not_shown_by_a_collection_that_lags_behind(
    sqlite_engine: Engine, hashing: CountingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = Retriever(sqlite_engine, hashing)
    put(sqlite_engine, document())
    assert keys(retriever, "pool") == ["INC-1"]
    monkeypatch.setattr(in_step, "LARGEST_DELTA", 0)
    monkeypatch.setattr(in_step.CollectionInStep, "_rebuild_beside", lambda self: None)
    put(sqlite_engine, document("dba"))
    assert keys(retriever, "pool") == []


def test_the_real_model_finds_the_best_of_what_may_be_read(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    put(
        sqlite_engine,
        document("dba", text="no free connections to the database"),
        document(key="INC-2", text="the pool of connections was used up"),
        document(key="INC-3", text="the printer is out of paper"),
    )
    encode_missing(sqlite_engine, embedder, batch_size=8)
    retriever = Retriever(sqlite_engine, embedder)
    asked = "no free connections to the database"
    assert keys(retriever, asked, "dba")[0] == "INC-1"
    assert keys(retriever, asked)[0] == "INC-2"
    assert "INC-1" not in keys(retriever, asked)
