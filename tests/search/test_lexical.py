"""The lexical index: any text is a query, and changes equal a rebuild."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.lexical import LexicalIndex
from search.lexical_fields import LexicalEntry
from search.lexical_query import KEY_COUNTS, MAX_QUERY_TERMS
from search.shelves import Shelf

WORDS = ["pool", "exhausted", "orders", "db-orders-01", "NameNodeRpcServer", "timeout", "disk"]


def entry(id_: int, text: str, title: str = "", kind: str = "incident") -> LexicalEntry:
    return LexicalEntry(id_, Shelf(kind), title, text)


def index(*entries: LexicalEntry) -> LexicalIndex:
    made = LexicalIndex()
    made.apply(entries)
    return made


def found(of: LexicalIndex, text: str, **options: object) -> list[int]:
    return list(of.search(of.query(text), 100, **options))  # type: ignore[arg-type]


def test_the_document_with_the_rarer_words_comes_first() -> None:
    made = index(entry(1, "disk full"), entry(2, "disk pool exhausted"), entry(3, "disk slow"))
    assert found(made, "connection pool exhausted on disk")[0] == 2


def test_a_part_of_an_identifier_finds_it_and_the_whole_finds_it_better() -> None:
    made = index(entry(1, "NameNodeRpcServer failed"), entry(2, "the name server of a node"))
    assert 1 in found(made, "rpc server")
    assert found(made, "NameNodeRpcServer")[0] == 1


def test_words_match_across_accents_and_inflections() -> None:
    made = index(entry(1, "Gerät überhitzt"), entry(2, "connections refused"))
    assert found(made, "gerat") == [1]
    assert found(made, "connection refusing") == [2]


def test_a_kind_restricts_and_chosen_documents_score_as_in_a_search() -> None:
    made = index(
        *(entry(n, "pool " * n, kind="article" if n % 2 else "incident") for n in (1, 2, 3))
    )
    query = made.query("pool")
    everything = made.search(query, 10)
    assert made.search(query, 10, kinds=["article"]).keys() == {1, 3}
    assert made.search(query, 10, kinds=[]) == {}
    chosen = made.held([2, 3, 99], query).bm25(query.weights)
    assert chosen == pytest.approx([everything[2], everything[3], 0.0])


def test_a_match_says_which_words_and_what_share_of_the_query() -> None:
    made = index(entry(1, "pool exhausted"), entry(2, "pool full"), entry(3, "disk"))
    query = made.query("The pools are exhausted")
    both, one = (made.matches(query, [1, 2])[id_] for id_ in (1, 2))
    assert both.share == pytest.approx(1.0)
    assert both.words == ["exhausted", "pools"]
    assert 0 < one.share < 0.5
    assert one.words == ["pools"]


def test_a_word_that_nothing_has_lowers_the_share_and_an_unknown_number_does_not() -> None:
    made = index(entry(1, "pool exhausted"), entry(2, "disk"))
    known, with_id, with_word = (
        made.matches(made.query(text), [1])[1].share
        for text in ("pool exhausted", "pool exhausted 8f3a-2291", "pool exhausted kubernetes")
    )
    assert known == pytest.approx(1.0)
    assert with_id == pytest.approx(1.0)
    assert with_word < 0.8


def test_a_match_of_very_many_words_names_each_of_them() -> None:
    words = [f"w{chr(97 + n // 26)}{chr(97 + n % 26)}k" for n in range(60)]
    made = index(entry(1, " ".join(words[::2])), entry(2, " ".join(words[1::2])))
    matches = made.matches(made.query(" ".join(words)), [1, 2])
    assert set(matches[1].words) == set(words[::2])
    assert set(matches[2].words) == set(words[1::2])
    assert matches[1].share == pytest.approx(0.5)


def test_a_removed_document_is_never_found_and_a_replaced_one_only_as_it_is_now() -> None:
    made = index(entry(1, "pool"), entry(2, "pool"))
    made.apply([entry(2, "disk")], remove=[1, 77])
    assert found(made, "pool") == []
    assert found(made, "disk") == [2]
    assert len(made) == 1


def test_a_key_outweighs_a_word_that_is_as_rare() -> None:
    made = index(entry(1, "pool slow"), entry(2, "ENOSPC slow"), entry(3, "disk"))
    query = made.query("pool ENOSPC", ["ENOSPC"])
    assert query.counts["enospc"] == KEY_COUNTS
    assert next(iter(made.search(query, 3))) == 2
    assert made.query("pool", ["never said"]).counts == made.query("pool").counts


def test_a_key_is_looked_for_however_long_and_rare_the_rest_of_the_query() -> None:
    rare = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(2 * MAX_QUERY_TERMS)]
    made = index(entry(1, " ".join(rare)), *(entry(n, "ORA-00257") for n in range(2, 9)))
    assert "ora-00257" in made.query(" ".join([*rare, "ORA-00257"]), ["ORA-00257"]).counts


def test_a_long_query_is_reduced_to_its_rarest_terms() -> None:
    made = index(*(entry(n, f"common rare{n}") for n in range(1, 200)))
    query = made.query(" ".join(["common", *(f"rare{n}" for n in range(1, 200))]))
    assert len(query.counts) == MAX_QUERY_TERMS
    assert "common" not in query.counts


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "\ud800", "title:(", '"a', "a AND OR NOT", "*:*", "[a TO b]", "a^9 b~2 /x/",
     "💥", "مرحبا", "x" * 100_000, "a. " * 50_000],
)  # fmt: skip
def test_no_text_is_query_syntax(text: str) -> None:
    made = index(entry(1, "pool"))
    assert found(made, text) == []
    assert made.matches(made.query(text), [1]) == {}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text()), max_size=4), st.text())
def test_any_text_can_be_indexed_and_asked_for(documents: list[tuple[str, str]], text: str) -> None:
    made = index(*(entry(n, body, title) for n, (title, body) in enumerate(documents)))
    query = made.query(text)
    hits = made.search(query, 10)
    assert list(hits.values()) == sorted(hits.values(), reverse=True)
    assert all(0 < match.share <= 1 + 1e-9 for match in made.matches(query, list(hits)).values())


texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
changes = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 8), texts, max_size=4), st.sets(st.integers(0, 8))),
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(changes, texts)
def test_changes_one_by_one_equal_a_rebuild(
    steps: list[tuple[dict[int, str], set[int]]], asked: str
) -> None:
    changed = LexicalIndex()
    held: dict[int, str] = {}
    for put, removed in steps:
        changed.apply([entry(id_, text) for id_, text in put.items()], removed)
        held = {id_: text for id_, text in held.items() if id_ not in removed} | put
    rebuilt = index(*(entry(id_, text) for id_, text in held.items()))
    assert len(changed) == len(rebuilt)
    assert set(found(changed, asked)) == set(found(rebuilt, asked))
    assert {
        id_: sorted(match.words)
        for id_, match in changed.matches(changed.query(asked), list(held)).items()
    } == {
        id_: sorted(match.words)
        for id_, match in rebuilt.matches(rebuilt.query(asked), list(held)).items()
    }
