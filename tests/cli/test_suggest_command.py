"""`opsatlas suggest`: the workaround first, the evidence in words, the same at a server."""

from kb.suggest_schemas import SuggestionAnswer
from tests.cli.conftest import Cli, RunningShop, plain_words, same_but_for_time

TEXT = "checkout answers 502, the pgbouncer pool is exhausted"


def test_suggestions_are_the_same_here_and_at_a_server(shop: Cli, shop_server: RunningShop) -> None:
    arguments = ("suggest", TEXT, "--ci", "db-orders-01", "--limit", "3", "--json")
    here, there = shop.done(*arguments).json, shop_server.cli.done(*arguments).json
    assert same_but_for_time(there) == same_but_for_time(here)
    answer = SuggestionAnswer.model_validate(here)
    assert answer.notices == []
    assert answer.suggestions[0].id == "KE-0001"
    assert answer.suggestions[0].evidence.semantic is not None


def test_a_suggestion_tells_its_workaround_and_why(shop: Cli) -> None:
    result = shop.done("suggest", TEXT, "--lexical", "--ci", "db-orders-01")
    said = plain_words(result.out)
    assert "compared by words only, as asked" in said
    assert "KE-0001 Pool of pgbouncer-orders exhausted" in said
    assert said.index("Workaround RECONNECT") < said.index("Why ")
    assert "on pgbouncer-orders, 1 relationship away" in said
    assert max(len(line) for line in result.out.splitlines()) <= 80


def test_the_text_may_come_from_standard_input(shop: Cli) -> None:
    typed = shop.done("suggest", TEXT, "--lexical", "--json").json
    piped = shop.done("suggest", "-", "--lexical", "--json", stdin=TEXT.encode()).json
    assert same_but_for_time(piped) == same_but_for_time(typed)


def test_only_the_kinds_that_are_asked_for_are_suggested(shop: Cli) -> None:
    arguments = ("suggest", TEXT, "--lexical", "--json", "--kind", "incident")
    found = shop.done(*arguments).json["suggestions"]
    assert found
    assert {each["kind"] for each in found} == {"incident"}


def test_no_text_is_a_usage_error(shop: Cli) -> None:
    assert shop("suggest", "-", stdin=b" \n").code == 2
    assert shop("suggest").code == 2


def test_a_server_cannot_be_asked_to_compare_words_only(shop_server: RunningShop) -> None:
    result = shop_server.cli("suggest", TEXT, "--lexical")
    assert result.code == 2
    assert "--lexical" in result.err
