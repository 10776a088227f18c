"""Excerpts: the stretch that shows why a document was found."""

from search.excerpt import EXCERPT_CHARACTERS, excerpt_of


def test_a_short_passage_is_shown_whole_without_its_title() -> None:
    assert excerpt_of("Pool", ["Pool\nRestart\n it."], []) == "Restart it."


def test_a_long_passage_is_cut_around_the_matched_words() -> None:
    passage = f"{'before ' * 200}the pool was exhausted {'after ' * 200}"
    excerpt = excerpt_of("", [passage], ["exhausted", "pools"])
    assert "pool was exhausted" in excerpt
    assert excerpt.startswith("… ")
    assert excerpt.endswith(" …")
    assert len(excerpt) <= EXCERPT_CHARACTERS + 4


def test_of_several_passages_the_one_with_the_most_matched_words_is_shown() -> None:
    passages = ["T\nthe disk is slow", "T\nthe pool is exhausted", "T\nthe pool"]
    assert excerpt_of("T", passages, ["pool", "exhausted"]) == "the pool is exhausted"


def test_a_document_without_text_shows_its_title_and_one_endless_word_is_cut() -> None:
    assert excerpt_of("Pool exhausted", ["Pool exhausted"], []) == "Pool exhausted"
    assert excerpt_of("Pool", [], []) == "Pool"
    assert len(excerpt_of("", ["x" * 9000], [])) <= EXCERPT_CHARACTERS + 4
