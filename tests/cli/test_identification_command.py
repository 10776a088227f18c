"""`opsatlas identification show`: the rules that are in force, and the file to begin with."""

import os
import tomllib

from tests.cli.conftest import Cli, plain_words


def test_the_rules_in_force_are_shown_with_the_class_that_they_are_of(cli: Cli) -> None:
    shipped = tomllib.loads(cli.done("identification", "show", "--toml").out)
    assert shipped["classes"]["*"] == ["cloud_id", "name"]
    cli.write("own.toml", '[classes]\nserver = ["serial_number", "name"]\n')
    own = cli.with_settings(identification_rules=os.fspath(cli.folder / "own.toml"))
    found = {
        row["ci_class"]: row for row in own.done("identification", "show", "--json").json["results"]
    }
    assert found["server"]["steps"] == [["serial_number"], ["name"]]
    assert (found["database"]["steps"], found["database"]["rule_of"]) == (
        [["cloud_id"], ["name"]],
        "*",
    )
    told = plain_words(own.done("identification", "show").out)
    assert "server serial_number, then name -" in told
    assert "database cloud_id, then name *" in told
    cli.write("own.toml", '[classes]\nserver = ["serial_nr"]\n')
    refused = own("identification", "show", "--json")
    assert (refused.code, refused.json["code"]) == (1, "invalid_identification_rules")
    assert "did you mean 'serial_number'?" in refused.json["detail"]
