"""Everyday words find what records call by another name."""

from importlib.resources import files

import pytest

from search.lexical import LexicalIndex
from search.lexical_fields import LexicalEntry
from search.shelves import Shelf
from search.synonyms import WEIGHT, synonyms
from search.terms import analyse

SHELF = Shelf("incident")


def _terms(text: str) -> list[str]:
    return [term for term, _ in analyse(text)]


def _index(*texts: str) -> LexicalIndex:
    made = LexicalIndex()
    made.apply([LexicalEntry(id_, SHELF, "", text) for id_, text in enumerate(texts)])
    return made


def _found(index: LexicalIndex, text: str) -> list[int]:
    return list(index.search(index.query(text), 10))


def test_a_sticker_finds_the_label_after_what_says_sticker_itself() -> None:
    index = _index("The label printer is silent", "A sticker on the door", "Nothing of the kind")
    assert _found(index, "sticker") == [1, 0]


def test_a_word_that_no_record_has_finds_what_it_could_stand_for() -> None:
    assert _found(_index("Conveyor 3 stands still", "The pool is empty"), "belt") == [0]


def test_phrases_are_looked_up_before_their_words_and_share_their_weight() -> None:
    found = synonyms(_terms("we are out of memory"))
    assert found["oom"] == WEIGHT
    assert max(synonyms(_terms("oom")).values()) <= WEIGHT
    assert synonyms(_terms("oom"))["memori"] == pytest.approx(WEIGHT / 2)


def test_what_was_said_itself_is_no_synonym_and_nothing_is_chained() -> None:
    said = _terms("sticker label")
    assert not set(said) & set(synonyms(said))
    assert "freez" in synonyms(_terms("hang"))
    assert "froze" in synonyms(_terms("freeze"))
    assert "froze" not in synonyms(_terms("hang"))


def test_synonyms_are_no_evidence_of_their_own() -> None:
    index = _index("The label printer is silent")
    query = index.query("sticker silent")
    assert index.matches(query, [0])[0].words == ["silent"]


def test_the_groups_are_well_formed() -> None:
    text = files("search.glossary").joinpath("synonyms.txt").read_text("utf-8")
    for line in text.splitlines():
        members = line.split(" | ")
        assert len(members) == len(set(members)) > 1
        assert all(member == member.strip().lower() != "" for member in members)
