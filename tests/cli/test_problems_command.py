"""`opsatlas problems candidates` and `opsatlas incidents groups`."""

import json

from tests.cli.conftest import Cli, plain_words

PRINTER = [
    {
        "title": title,
        "description": "spooler queue labels-h2 is stuck, zebra printer blinks red",
        "opened_at": f"2026-03-0{day}T10:00:00Z",
    }
    for day, title in enumerate(("Label printer silent", "No labels", "Labels stop"), start=1)
]


def test_incidents_that_resemble_each_other_are_told_as_a_candidate_and_as_a_group(
    cli: Cli,
) -> None:
    cli.write("printer.json", json.dumps(PRINTER))
    again = [each | {"title": f"{each['title']} again", "opened_at": PRINTER[0]["opened_at"]}
             for each in PRINTER[:2]]  # fmt: skip
    cli.write("again.json", json.dumps(again))
    cli.done("incidents", "load", "printer.json")
    asked = ("problems", "candidates", "--since", "2026-01-01")
    (candidate,) = cli.done(*asked, "--json").json["results"]
    assert candidate["count"] == 3
    told = plain_words(cli.done(*asked).out)
    assert "INC-0003, INC-0002" in told
    assert "nobody wrote down" in told
    nothing = cli.done(*asked, "--min-incidents", "9")
    assert "None of 3 incidents" in plain_words(nothing.out)

    cli.done("incidents", "load", "again.json")
    (group,) = cli.done("incidents", "groups", "--json").json["results"]
    assert group["duplicate_of"] == "INC-0001"
    assert group["count"] == 3
    assert "INC-0001" in plain_words(cli.done("incidents", "groups").out)
    assert cli.done("incidents", "groups", "--since", "2h", "--json").json["count"] == 0


def test_a_time_that_is_none_is_a_usage_error(cli: Cli) -> None:
    assert cli("problems", "candidates", "--since", "once").code == 2
    assert cli("incidents", "groups", "--since", "once").code == 2
