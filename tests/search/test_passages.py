"""Splitting into passages: the title before each, cuts where a reader would make them."""

from hypothesis import given
from hypothesis import strategies as st

from search.passages import MAX_PASSAGES, PASSAGE_CHARACTERS, split_into_passages


def paragraph(word: str, count: int) -> str:
    return " ".join([word] * count)


def test_a_short_text_is_one_passage_with_its_title() -> None:
    assert split_into_passages("Pool exhausted", "Restart it.") == ["Pool exhausted\nRestart it."]


def test_every_passage_begins_with_the_title() -> None:
    passages = split_into_passages("Pool exhausted", paragraph("word", 500))
    assert len(passages) > 3
    assert all(passage.startswith("Pool exhausted\n") for passage in passages)


def test_a_text_is_cut_between_paragraphs_where_it_can_be() -> None:
    text = "\n\n".join([paragraph("one", 70), paragraph("two", 70), paragraph("three", 20)])
    first, second = split_into_passages("", text)
    assert set(first.split()) == {"one"}
    assert set(second.split()) == {"two", "three"}


def test_a_code_block_is_not_torn_at_its_blank_lines() -> None:
    code = f"```\n{paragraph('step', 40)}\n\n{paragraph('step', 40)}\n```"
    passages = split_into_passages("", f"{paragraph('before', 60)}\n\n{code}")
    assert passages[1] == code


def test_a_heading_stays_with_what_it_heads() -> None:
    text = f"{paragraph('before', 90)}\n\n## Mitigation\n\n{paragraph('after', 90)}"
    assert split_into_passages("", text)[1].startswith("## Mitigation")


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = " ".join(f"Sentence {number} has seven of these words." for number in range(40))
    for passage in split_into_passages("", text):
        assert passage.startswith("Sentence")
        assert passage.endswith("words.")


def test_a_stack_trace_is_bounded_by_characters_and_cut_between_lines() -> None:
    line = "at org.apache.hadoop.hdfs.server.namenode.NameNodeRpcServer.addBlock(Server.java:1)"
    passages = split_into_passages("", "\n".join([line] * 60))
    assert all(len(passage) <= PASSAGE_CHARACTERS for passage in passages)
    assert all(row == line for passage in passages for row in passage.splitlines())


def test_a_document_without_text_is_its_title_and_an_empty_one_is_nothing() -> None:
    assert split_into_passages("Pool exhausted", " \n") == ["Pool exhausted"]
    assert split_into_passages("", "") == []


def test_a_megabyte_of_log_is_bounded() -> None:
    assert len(split_into_passages("log", "ERROR something broke\n" * 50_000)) <= MAX_PASSAGES
    assert len(split_into_passages("log", "x" * 1_000_000)) <= MAX_PASSAGES


@given(st.text(alphabet="ab.#`{}code \n", max_size=3000), st.integers(5, 150))
def test_no_word_is_lost_or_told_twice(text: str, words: int) -> None:
    passages = split_into_passages("", text, words=words)
    assert "".join(" ".join(passages).split()) == "".join(text.split())
    assert all(len(passage.split()) <= words for passage in passages)
