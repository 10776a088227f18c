"""`opsatlas impact`: the same answer here and at a server, told so that it can be checked."""

from api.problems import Problem
from cmdb.impact_schemas import ImpactAnswer
from tests.cli.conftest import Cli, RunningShop, plain_words, same_but_for_time


def test_impact_says_what_is_hit_and_why(shop: Cli) -> None:
    out = shop.done("impact", "db-orders-01", "api-1", "api-2").out
    said = plain_words(out)
    assert "3 services affected (2 down, 1 degraded)" in said
    assert "Priority 1 (Critical): Checkout (criticality 1) is down" in said
    needs = "it needs pgbouncer-orders (depends_on), which is down"
    assert f"orders-api (application) is down because {needs}" in said
    assert "1 of 3 members of group 'api' are up, 2 needed" in said
    assert "Reports (business service) is degraded because it uses Checkout" in said
    assert "payments-oncall" in said
    assert max(len(line) for line in out.splitlines()) <= 80


def test_impact_json_is_the_answer_of_the_api(shop: Cli) -> None:
    answer = ImpactAnswer.model_validate(shop.done("impact", "db-orders-01", "--json").json)
    assert [(each.name, each.state) for each in answer.services] == [
        ("Checkout", "down"),
        ("Reports", "degraded"),
    ]
    assert answer.priority.priority == 1


def test_impact_by_id_is_impact_by_name(shop: Cli) -> None:
    by_name = shop.done("impact", "db-orders-01", "--json").json
    ci_id = str(by_name["failed"][0]["id"])
    by_id = shop.done("impact", "--id", ci_id, "--json").json
    assert same_but_for_time(by_id) == same_but_for_time(by_name)


def test_impact_at_a_server_is_the_same_document(shop: Cli, shop_server: RunningShop) -> None:
    arguments = ("impact", "api-1", "api-2", "--urgency", "low", "--json")
    here, there = shop.done(*arguments).json, shop_server.cli.done(*arguments).json
    assert same_but_for_time(there) == same_but_for_time(here)


def test_an_unknown_name_is_answered_with_near_ones(shop: Cli) -> None:
    result = shop("impact", "db-orders-1")
    assert result.code == 1
    assert result.out == ""
    assert "did you mean 'db-orders-01'" in plain_words(result.err)


def test_an_unknown_name_is_a_problem_document_with_json(
    shop: Cli, shop_server: RunningShop
) -> None:
    for cli in (shop, shop_server.cli):
        result = cli("impact", "db-orders-1", "--json")
        assert result.code == 1
        assert Problem.model_validate(result.json).code == "unresolved_ci"


def test_impact_without_a_name_is_a_usage_error(cli: Cli) -> None:
    result = cli("impact", "--json")
    assert result.code == 2
    assert Problem.model_validate(result.json).code == "usage"
    assert not cli.data.exists()


def test_what_is_hit_below_every_service_is_listed(cli: Cli) -> None:
    cli.write("two.csv", "name,ci_class\nweb,server\nrack-1,rack\n")
    cli.write("one.csv", "dependent,provider,type\nweb,rack-1,hosted_on\n")
    cli.done("load", "two.csv", "one.csv")
    said = plain_words(cli.done("impact", "rack-1").out)
    assert "no service is affected; 1 other CI in all" in said
    assert "down web server" in said
