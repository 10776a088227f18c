"""Index terms: identifiers whole and in parts, accents folded, English stems."""

from hypothesis import given
from hypothesis import strategies as st

from search.terms import MAX_TERM_CHARACTERS, analyse, split_words


def words(text: str) -> list[str]:
    return list(split_words(text))


def terms(text: str) -> list[str]:
    return [term for term, _ in analyse(text)]


def test_a_camel_case_identifier_is_kept_whole_and_split() -> None:
    assert words("NameNodeRpcServer") == ["namenoderpcserver", "name", "node", "rpc", "server"]
    assert words("HTTPServerError502") == ["httpservererror502", "http", "server", "error", "502"]


def test_a_dotted_or_dashed_name_is_kept_whole_and_split() -> None:
    assert words("java.io.IOException:")[:3] == ["java.io.ioexception", "java", "io"]
    assert words("db-orders-01") == ["db-orders-01", "db", "orders", "01"]
    assert words("10.0.0.3")[0] == "10.0.0.3"


def test_a_snake_case_metric_finds_its_words() -> None:
    assert words("kube_pod_not_ready") == ["kube_pod_not_ready", "kube", "pod", "not", "ready"]


def test_single_letters_of_a_split_name_are_noise() -> None:
    assert words("k8s") == ["k8s"]


def test_accents_case_and_compatibility_forms_are_folded() -> None:
    assert words("Gerät STRASSE Straße café ﬁle") == ["gerat", "strasse", "strasse", "cafe", "file"]


def test_english_inflections_meet_in_one_term() -> None:
    assert terms("connection") == terms("connected") == terms("connecting")


def test_german_and_french_words_match_themselves_without_accents() -> None:
    assert terms("Speicherplatz überschritten") == terms("speicherplatz uberschritten")
    assert terms("mémoire dépassée") == terms("memoire depassee")


def test_stop_words_are_left_out_but_down_and_out_are_not() -> None:
    assert terms("the database is down and out of memory") == ["databas", "down", "out", "memori"]


def test_an_endless_word_is_cut() -> None:
    assert words("x" * 100_000) == ["x" * MAX_TERM_CHARACTERS]


@given(st.text())
def test_any_text_gives_bounded_terms_without_spaces(text: str) -> None:
    for term, word in analyse(text):
        assert term
        assert not any(sign.isspace() for sign in term)
        assert len(word) <= MAX_TERM_CHARACTERS
        term.encode()
