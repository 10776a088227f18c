"""`opsatlas suspects`: who is suspected, why, and what to check next."""

from api.problems import Problem
from kb.suspect_schemas import SuspectsAnswer
from tests.cli.conftest import Cli, plain_words


def test_suspects_are_told_with_the_way_to_each_symptom(shop: Cli) -> None:
    out = shop.done("suspects", "Checkout", "--degraded", "Reports", "--healthy", "Search").out
    said = plain_words(out)
    assert "db-orders-01" in said
    assert "Checkout is down: db-orders-01 > pgbouncer-orders > orders-api > Checkout" in said
    assert "Check next:" in said
    assert max(len(line) for line in out.splitlines()) <= 80


def test_suspects_json_is_the_answer_of_the_api(shop: Cli) -> None:
    document = shop.done("suspects", "Checkout", "--limit", "3", "--json").json
    answer = SuspectsAnswer.model_validate(document)
    assert len(answer.suspects) == 3
    assert answer.suspects[0].explains == ["Checkout"]
    counted = {each.name: each.past_incidents for each in answer.suspects}
    assert counted["pgbouncer-orders"] == 1


def test_suspects_without_a_symptom_is_a_usage_error(cli: Cli) -> None:
    result = cli("suspects", "--json")
    assert result.code == 2
    assert Problem.model_validate(result.json).code == "usage"
