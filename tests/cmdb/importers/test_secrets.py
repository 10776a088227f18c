"""Credentials in attributes: found by name or by shape, left out, counted, never repeated."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb.importers.records import Kind, ParsedRecord, Where
from cmdb.importers.secrets import SecretsLeftOut, holds_a_secret, names_a_secret
from cmdb.incoming import Incoming, take_in
from cmdb.problems import Problems

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl"


def scrubbed(attributes: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What is left, and the warning's message."""
    secrets = SecretsLeftOut(50)
    kept = secrets.without(attributes, "a.json")
    return kept, " ".join(each.message for each in secrets.warnings())


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "DB_PASSWORD", "db-password", "rootPasswd", "rootpassword",
        "mysql_root_pass", "pwd", "admin.pwd", "passphrase", "Kennwort", "Mot de passe",
        "secret", "client_secret", "clientSecret", "secrets", "secret_key", "aws_secret_access_key",
        "token", "authToken", "access token", "api_key", "apiKey", "API-Key", "x-api-key",
        "private_key", "PrivateKey", "connection_string", "ConnectionString", "credentials",
        "snmp_community", "wifi_psk", "password_hash", "password2", "password_old", "token_value",
        "AccountKey", "shared_key",
    ],
)  # fmt: skip
def test_a_name_of_a_credential_is_one(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "token_ring", "secretary", "password_policy_url", "password_last_changed", "key",
        "password_expires", "secret_name", "secret_arn", "public_key", "ssh_key_fingerprint",
        "kms_key_id", "asset_key", "passenger_count", "compass", "bypass_mode", "tokens_per_minute",
        "community", "license_key", "serial_number", "primary_key", "sha256", "passport_office",
        "token_type", "secretariat", "passive", "keyboard",
    ],
)  # fmt: skip
def test_a_name_that_only_sounds_like_one_is_none(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize(
    "value",
    [
        "postgres://app:hunter2@db-orders-01:5432/orders",
        "amqp://:geheim@mq.example.org",
        "Server=db;Database=orders;User Id=app;Password=hunter2;",
        "jdbc:postgresql://db/orders?user=app&password=hunter2",
        "AccountName=a;AccountKey=Zm9vYmFyYmF6==;EndpointSuffix=core.example",
        "the root password: hunter2!",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "github_pat_" + "a1" * 20,
        "glpat-" + "a1" * 10,
        "xoxb-" + "1234567890-abc",
        "sk_live_" + "a1" * 10,
        "AIza" + "a" * 35,
        "opsatlas_" + "a1" * 20,
        JWT,
        "Authorization: Bearer abc123def456ghi789",
    ],
)
def test_a_value_that_has_the_shape_of_a_credential_is_one(value: str) -> None:
    assert holds_a_secret(value)


@pytest.mark.parametrize(
    "value",
    [
        "https://wiki.fjellvik.example/passwords",
        "http://proxy.fjellvik.example:8080/a@b",
        "mailto:ops@fjellvik.example",
        "git@git.fjellvik.example:infra/orders.git",
        "postgres://app@db-orders-01/orders",
        "postgres://app:***@db-orders-01/orders",
        "postgres://app:${DB_PASSWORD}@db-orders-01/orders",
        "Password=***",
        "Password: see the vault",
        "password: https://vault.fjellvik.example/orders1",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "CZC1234XYZ",
        "asia-northeast1-a",
        "bearer of bad news and nothing else",
        "disk-0001-of-the-orders-database-server",
        "arn:aws:iam::123456789012:role/orders",
        "Basic monitoring of everything that is here",
    ],
)
def test_a_value_that_is_no_credential_stays(value: str) -> None:
    assert not holds_a_secret(value)
    assert scrubbed({"note": value}) == ({"note": value}, "")


def test_secrets_are_left_out_at_every_depth_and_named_by_their_path() -> None:
    kept, said = scrubbed(
        {
            "site": "ham1",
            "db_password": "hunter2",
            "config": {"pool": 5, "auth": {"token": "abc", "user": "app"}},
            "hosts": [{"name": "a", "secret": "x1"}, {"name": "b"}],
            "urls": ["https://a.example", "https://u:hunter2@b.example"],
        }
    )
    assert kept == {
        "site": "ham1",
        "config": {"pool": 5, "auth": {"user": "app"}},
        "hosts": [{"name": "a"}, {"name": "b"}],
        "urls": ["https://a.example"],
    }
    assert said == (
        "4 values that look like a secret were left out: "
        "config.auth.token, db_password, hosts.secret, urls"
    )
    assert "hunter2" not in said


def test_lists_of_settings_lose_the_value_and_keep_the_name() -> None:
    kept, said = scrubbed(
        {
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PORT", "value": "80"}],
            "tags": [{"Key": "api_key", "Value": "abc"}],
        }
    )
    assert kept["env"] == [{"name": "DB_PASSWORD"}, {"name": "PORT", "value": "80"}]
    assert kept["tags"] == [{"Key": "api_key"}]
    assert "env.DB_PASSWORD" in said


def test_whether_there_is_a_password_is_no_password() -> None:
    said = {"has_password": True, "password": "yes", "token": None, "secret": "", "api_key": "n/a"}
    assert scrubbed(said) == (said, "")


def test_a_token_that_is_a_name_is_not_repeated() -> None:
    kept, said = scrubbed({"owners": {"ghp_" + "a1" * 18: "Ann"}})
    assert kept == {"owners": {}}
    assert "owners.…" in said
    assert "ghp_" not in said


def test_attributes_without_secrets_are_handed_on_as_they_are() -> None:
    attributes = {"a": "b", "n": {"x": [1, {"y": "z"}]}, "nothing": None}
    assert SecretsLeftOut(50).without(attributes, "f") is attributes


def test_one_warning_a_file_with_the_names_and_how_many() -> None:
    def record(file: str, row: int) -> ParsedRecord:
        fields = {"name": f"h{row}", "ci_class": "server"}
        return ParsedRecord(Kind.CI, Where(file, row), fields, {"password": "hunter2", "os": "x"})

    incoming, problems = Incoming(), Problems(10)
    items = [record("a.csv", 2), record("a.csv", 3), record("b.csv", 2)]
    take_in(items, incoming, problems, max_records=10, max_depth=50)
    assert [ci.attributes for ci in incoming.cis] == [{"os": "x"}] * 3
    found = problems.listed()
    assert [(each.file, each.code, each.severity) for each in found] == [
        ("a.csv", "secrets_left_out", "warning"),
        ("b.csv", "secrets_left_out", "warning"),
    ]
    assert found[0].message == "2 values that look like a secret were left out: password"
    assert "hunter2" not in str(found)


def test_a_problem_does_not_repeat_a_value_with_a_secret() -> None:
    fields = {"name": "a", "ci_class": "server", "fqdn": "https://u:hunter2@a.example"}
    incoming, problems = Incoming(), Problems(10)
    record = ParsedRecord(Kind.CI, Where("a", 1), fields)
    take_in([record], incoming, problems, max_records=10, max_depth=50)
    (found,) = problems.listed()
    assert found.column == "fqdn"
    assert "hunter2" not in str(found)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["password", "a", "Key", "Value", "env"]), JSON_VALUES))
def test_any_attributes_are_taken_and_what_stays_is_clean(attributes: dict[str, Any]) -> None:
    kept, _ = scrubbed(attributes)
    assert scrubbed(kept) == (kept, "")
    assert (
        isinstance(kept.get("password"), bool | None)
        or kept["password"] in ("", [], {})
        or (str(kept["password"]).strip().lower() in "yes no true false on off set x - none")
    )
