"""`opsatlas keys`: made once, listed without their secret, ended at once."""

import stat

from tests.cli.conftest import Cli


def test_a_key_is_made_listed_and_revoked(cli: Cli) -> None:
    made = cli.done("keys", "create", "--role", "reader", "--name", "grafana", "--json").json
    assert set(made) == {"id", "role", "groups", "name", "expires_at", "key"}
    assert (made["role"], made["name"], made["expires_at"]) == ("reader", "grafana", None)
    ends = cli.done("keys", "create", "--role", "admin", "--expires-in-days", "7", "--json").json
    assert ends["expires_at"] is not None
    listed = cli.done("keys", "list", "--json")
    assert [each["name"] for each in listed.json["results"]] == ["grafana", "admin"]
    assert made["key"] not in listed.out
    cli.done("keys", "revoke", str(made["id"]))
    assert "revoked" in cli.done("keys", "list").out
    assert stat.S_IMODE((cli.data / "key-pepper").stat().st_mode) == 0o600


def test_the_key_alone_is_on_standard_output(cli: Cli) -> None:
    result = cli.done("keys", "create", "--role", "reader")
    assert result.out.strip().startswith("opsatlas_")
    assert len(result.out.splitlines()) == 1


def test_what_cannot_be_done_with_a_key_says_so(cli: Cli) -> None:
    assert cli("keys", "create", "--role", "king").code == 2
    assert cli("keys", "create").code == 2
    assert cli("keys", "create", "--role", "reader", "--expires-in-days", "0").code == 2
    result = cli("keys", "revoke", "77", "--json")
    assert result.code == 1
    assert "77" in result.json["detail"]


def test_a_key_is_given_groups_and_the_list_shows_them(cli: Cli) -> None:
    groups = ["--group", "SOC", "--group", "dba"]
    made = cli.done("keys", "create", "--role", "responder", *groups, "--json").json
    assert made["groups"] == ["dba", "soc"]
    cli.done("keys", "create", "--role", "admin")
    cli.done("keys", "create", "--role", "reader")
    listed = cli.done("keys", "list").out
    assert "dba, soc" in " ".join(listed.split())
    assert [row["groups"] for row in cli.done("keys", "list", "--json").json["results"]] == [
        ["dba", "soc"],
        [],
        [],
    ]
    refused = cli("keys", "create", "--role", "admin", "--group", "soc", "--json")
    assert (refused.code, refused.json["code"]) == (1, "groups_of_admin")
