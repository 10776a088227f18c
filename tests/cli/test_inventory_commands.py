"""What is decided about an inventory after it was loaded: reviews, precedence, undoing."""

from tests.cli.conftest import Cli

HEADER = "key,name,ci_class,owner,serial_number,fqdn\n"
TWO = f"{HEADER}1,one,server,A,AAAA1111,\n2,two,server,A,,two.example.org\n"
BOTH = f"{HEADER}9,x,server,B,AAAA1111,two.example.org\n"
OTHER = "key,name,ci_class,owner\n7,ONE,server,B\n"


def load(cli: Cli, name: str, content: str) -> None:
    (cli.folder / name).write_text(content, encoding="utf-8")
    cli.done("load", name, "--source", name.partition(".")[0])


def test_a_record_that_fits_two_cis_is_decided_on_the_command_line(cli: Cli) -> None:
    load(cli, "first.csv", TWO)
    load(cli, "second.csv", BOTH)
    assert "the same serial_number" in " ".join(cli.done("reviews", "list").out.split())
    shown = cli.done("reviews", "show", "1", "--json").json
    assert [each["name"] for each in shown["candidates"]] == ["one", "two"]
    wrong = cli("reviews", "merge", "1", "--ci", "99")
    assert (wrong.code, "none of those" in wrong.err) == (1, True)
    cli.done("reviews", "merge", "1", "--ci", str(shown["candidates"][1]["ci"]))
    assert "Nothing waits" in cli.done("reviews", "list").out
    assert cli.done("reviews", "list", "--all", "--json").json["count"] == 1
    keys = cli.done("ci", "show", "two", "--json").json["keys"]
    assert [key["source"] for key in keys] == ["first", "second"]


def test_precedence_provenance_and_undoing(cli: Cli) -> None:
    load(cli, "first.csv", TWO)
    load(cli, "second.csv", OTHER)
    assert cli.done("ci", "show", "one", "--json").json["owner"] == "A"
    assert "second > first" in cli.done("precedence", "set", "owner", "second", "first").out
    shown = cli.done("ci", "show", "one", "--provenance", "--json").json
    owner = next(each for each in shown["provenance"] if each["field"] == "owner")
    assert (owner["value"], owner["source"], owner["import_run"]) == ("B", "second", 2)
    assert owner["others"][0]["value"] == "A"
    assert "second" in cli.done("ci", "show", "one", "--provenance").out
    assert "would be undone" in cli.done("imports", "undo", "2", "--dry-run").out
    assert cli.done("ci", "show", "one", "--json").json["owner"] == "B"
    cli.done("imports", "undo", "2")
    assert cli.done("ci", "show", "one", "--json").json["owner"] == "A"
    states = [each["state"] for each in cli.done("imports", "list", "--json").json["results"]]
    assert states == ["undone", "done"]
    again = cli("imports", "undo", "2", "--json")
    assert (again.code, again.json["code"]) == (1, "not_undoable")


def test_a_ci_that_is_not_there_says_what_may_have_been_meant(cli: Cli) -> None:
    load(cli, "first.csv", TWO)
    assert "'two'" in cli("ci", "show", "tow").err
    assert cli.done("ci", "show", "1", "--json").json["name"] == "one"
