"""`opsatlas diff`, `ci history`, and `--as-of`: the past at the terminal."""

from opsatlas.clock import now, rfc3339
from tests.cli.conftest import Cli, plain_words


def test_the_past_is_shown_and_compared(cli: Cli) -> None:
    cli.done("load", "items.csv", "relationships.csv")
    middle = rfc3339(now())
    cli.write("more.csv", "name,ci_class,owner\norders-api,application,Ann\ncache,database,\n")
    cli.write("edge.csv", "dependent,provider\norders-api,cache\n")
    cli.done("load", "more.csv", "edge.csv")
    said = plain_words(cli.done("diff", "--from", middle, "--service", "Checkout").out)
    assert "+ cache database created" in said
    assert "~ orders-api application owner: - -> Ann" in said
    assert "+ orders-api cache depends_on required" in said
    found = cli.done("diff", "--from", middle, "--ci", "orders-api", "--json").json
    changed = found["configuration_items"]["changed"]
    assert [each["id"] for each in changed] == [found["subject"]["id"]]
    assert "Nothing differs." in cli.done("diff", "--from", "0s", "--ci", "cache").out
    assert "Ann" in cli.done("ci", "show", "orders-api").out
    assert "Ann" not in cli.done("ci", "show", "orders-api", "--as-of", middle).out
    told = plain_words(cli.done("ci", "history", "orders-api", "--relationships").out)
    assert "owner: None -> Ann" in told
    assert "create relationship" in told
    then = cli("impact", "cache", "--as-of", middle)
    assert (then.code, "there was no CI 'cache' at" in plain_words(then.err)) == (1, True)


def test_a_moment_that_is_none_is_a_usage_error(cli: Cli) -> None:
    result = cli("diff", "--from", "soonish", "--ci", "x")
    assert result.code == 2
    assert "30m, 2h, 7d" in plain_words(result.err)
    assert cli("diff", "--from", "2h").code == 2
