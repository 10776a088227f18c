"""`opsatlas relationship-types` and `ci-classes`."""

from tests.cli.conftest import ITEMS, RELATIONSHIPS, Cli, plain_words


def test_the_effect_of_an_edit_is_shown_and_nothing_saved_unasked(cli: Cli) -> None:
    cli.write("cis.csv", ITEMS)
    cli.write("needs.csv", RELATIONSHIPS)
    cli.done("load", "cis.csv", "needs.csv")
    edit = ("relationship-types", "set", "depends_on", "--no-failure")
    refused = cli(*edit)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    shown = plain_words(refused.out)
    assert "Failure would travel along 7 depends_on no more." in shown
    assert "Checkout 1 3 > 0 3 > 0 operational" in shown
    told = cli.done(*edit, "--dry-run", "--json").json
    assert (told["counts"]["losing"], told["relationship_type"]["before"]["version"]) == (3, 1)
    assert cli.done(*edit, "--yes").out.endswith("failure travels: not\n")


def test_types_and_classes_of_your_own_come_and_go(cli: Cli) -> None:
    cli.done("relationship-types", "add", "cools", "--failure", "--label", "is cooled by hand by")
    assert "is cooled by hand by" in cli.done("relationship-types", "list").out
    cli.done("relationship-types", "remove", "cools")
    cli.done("ci-classes", "add", "blade", "--parent", "server")
    made = cli.done("ci-classes", "set", "blade", "--label", "Blade", "--service", "--json").json
    assert (made["label"], made["is_service"]) == ("Blade", True)
    cli.done("ci-classes", "remove", "blade")
