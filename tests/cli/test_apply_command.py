"""`opsatlas apply`: a plan from a file, carried out while it holds."""

from tests.cli.conftest import Cli

ONE = "name,ci_class,owner\nweb,server,A\n"


def test_a_saved_plan_is_applied_once_and_not_after_something_changed(cli: Cli) -> None:
    file = cli.folder / "a.csv"
    file.write_text(ONE, encoding="utf-8")
    told = cli.done("load", "a.csv", "--dry-run", "--save-plan", "a.plan")
    assert "+ create web (server)" in told.out
    assert "opsatlas apply a.plan" in told.err
    file.unlink()  # the plan holds what it needs
    report = cli.done("apply", "a.plan", "--json").json
    assert report["configuration_items"]["created"] == 1
    again = cli("apply", "a.plan", "--json")
    assert (again.code, again.json["code"]) == (1, "plan_changed")


def test_what_is_no_plan_is_refused_with_the_way_to_make_one(cli: Cli) -> None:
    (cli.folder / "a.csv").write_text(ONE, encoding="utf-8")
    for name in ("a.csv", "nowhere.plan"):
        assert cli("apply", name).code == 2
    assert "--save-plan" in cli("apply", "a.csv").err
    assert cli("load", "a.csv", "--save-plan", "a.plan").code == 2
