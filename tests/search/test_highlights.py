"""Matched words in a text: each form of them, each where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.excerpt import excerpt_of
from search.highlights import highlights
from search.terms import analyse


def _marked(text: str, *words: str) -> list[str]:
    return [text[start:end] for start, end in highlights(text, words)]


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("The pool is exhausted.", ("pool", "exhausted"), ["pool", "exhausted"]),
        ("Connections were refused", ("connection", "refuse"), ["Connections", "refused"]),
        ("ORA-00257: archiver error", ("ora-00257",), ["ORA-00257"]),
        ("PanicHandler of NameNodeRpcServer", ("server",), ["NameNodeRpcServer"]),
        ("web.ServerPool failed", ("server",), ["ServerPool"]),
        ("pg_wal is full", ("wal",), ["wal"]),
        ("das Gerät und le\u0301ger", ("gerat", "leger"), ["Gerät", "le\u0301ger"]),
        ("pool pool pool", ("pool",), ["pool", "pool", "pool"]),
        ("nothing of it", ("pool",), []),
        ("is the a", ("the",), []),
        ("", ("pool",), []),
        ("pool", (), []),
        ("\N{FIRE} pool \N{FIRE}", ("pool",), ["pool"]),
    ],
)
def test_every_form_of_a_matched_word_is_marked(
    text: str, words: tuple[str, ...], marked: list[str]
) -> None:
    assert _marked(text, *words) == marked


@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=5))
def test_marks_are_in_order_inside_the_text_and_each_has_a_matched_word(
    text: str, words: list[str]
) -> None:
    terms = {term for word in words for term, _ in analyse(word)}
    before = 0
    for start, end in highlights(text, words):
        assert before <= start < end <= len(text)
        assert terms & {term for term, _ in analyse(text[start:end])}
        before = end


@given(st.lists(st.sampled_from(["pool", "Ärger", "db-7", "HikariPool", "so", "--", "x_y"])))
def test_no_matched_word_of_an_excerpt_is_left_unmarked(words: list[str]) -> None:
    excerpt = excerpt_of("", [" ".join(words)], ["pool", "arger", "db", "x_y"])
    marked = {term for start, end in highlights(excerpt, ["pool", "arger", "db", "x_y"])
              for term, _ in analyse(excerpt[start:end])}  # fmt: skip
    wanted = {term for term, _ in analyse("pool arger db x_y")}
    assert wanted & {term for term, _ in analyse(excerpt)} <= marked
