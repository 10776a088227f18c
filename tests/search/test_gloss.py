"""German and French shown to an English model, word by word."""

import unicodedata
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.gloss import english_of, glossary, in_english
from search.languages import Language
from search.onnx_embedder import OnnxEmbedder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Der Drucker druckt nicht mehr", {"printer", "prints", "no"}),
        ("Die Anmeldung am Portal geht nicht", {"login"}),
        ("Wir haben die Bestellmaske neu gestartet", {"order", "form"}),
        ("Die Kartenzahlung bricht immer ab", {"card", "payment"}),
        ("koennen wir das Passwort zuruecksetzen", {"password", "reset"}),
        ("Le mot de passe est refusé", {"password", "refused"}),
        ("L'imprimante de l'entrepôt ne marche plus", {"printer", "warehouse", "no"}),
    ],
)
def test_words_phrases_compounds_and_spellings_without_accents_are_found(
    text: str, words: set[str]
) -> None:
    assert words <= set(in_english(text).casefold().split())


def test_english_lines_names_numbers_and_commands_stay_as_they_are() -> None:
    text = (
        "Checkout answers 502\n  $ systemctl restart orders-api\n"
        "Der Server db-orders-01 hat 12 Fehler (ORA-00257)"
    )
    first, second, third = in_english(text).split("\n")
    assert [first, second] == text.split("\n")[:2]
    assert "db-orders-01" in third
    assert "ORA-00257" in third
    assert "12" in third
    assert "error" in third


def test_the_english_of_a_line_names_the_words_that_it_stands_for() -> None:
    found = dict(english_of("Die Kassen sind seit heute offline", Language.GERMAN))
    assert "till" in found["Kassen"] or "register" in found["Kassen"]


@given(st.text(max_size=500))
def test_any_text_is_glossed_without_an_error_and_keeps_its_lines(text: str) -> None:
    assert in_english(text).count("\n") == text.count("\n")


def test_a_long_word_is_taken_apart_in_bounded_time() -> None:
    assert in_english("Das ist " + "bestellungs" * 9_000).startswith("the is")


@pytest.mark.parametrize("language", list(Language))
def test_the_glossary_is_well_formed(language: Language) -> None:
    text = files("search.glossary").joinpath(f"{language}.tsv").read_text("utf-8")
    keys = []
    for line in text.splitlines():
        word, english = line.split("\t")
        assert word == word.strip() == unicodedata.normalize("NFC", word)
        assert english == english.strip() != ""
        keys.append(word)
    assert len(set(keys)) == len(keys) > 1000
    assert len(glossary(language).english) > 1000


def test_a_german_question_is_near_the_english_record_for_the_model() -> None:
    embedder = OnnxEmbedder.load()
    asked, same, other = embedder.encode(
        [
            "Seit heute morgen können sich die Lieferanten nicht am Portal anmelden",
            "Since this morning the suppliers cannot log in to the portal",
            "Seit heute morgen sind die Lieferanten nicht im Lager gewesen",
        ]
    )
    assert asked @ same > 0.75
    assert asked @ same > asked @ other
