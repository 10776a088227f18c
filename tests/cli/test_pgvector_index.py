"""Choosing pgvector: what is missing is said with its remedy, and what works is told by doctor."""

import json

from opsatlas.settings import Settings
from tests.cli.conftest import Cli


def test_a_server_on_sqlite_does_not_start_and_says_why(cli: Cli) -> None:
    chosen = cli.with_settings(vector_index="pgvector")
    result = chosen("serve", "--port", "0", "--json")
    assert result.code == 2
    said = json.loads(result.out)["detail"]
    assert "pgvector needs PostgreSQL" in said
    assert "OPSATLAS_DATABASE_URL" in said
    checks = {each["name"]: each for each in chosen("doctor", "--json").json["checks"]}
    assert checks["vector index"]["status"] == "error"


def test_with_pgvector_suggestions_come_and_doctor_says_how_the_index_stands(
    cli: Cli, postgres_settings: Settings
) -> None:
    chosen = cli.with_settings(database_url=postgres_settings.database_url)
    chosen.done("incidents", "load", "incidents.json")
    chosen = chosen.with_settings(vector_index="pgvector")
    before = {each["name"]: each for each in chosen("doctor", "--json").json["checks"]}
    assert before["vector index"]["status"] == "error"
    assert "start the server" in before["vector index"]["hint"]
    chosen.done("reindex")
    answer = chosen.done("suggest", "no connection to the orders database is free", "--json").json
    assert answer["suggestions"][0]["id"] == "INC-0001"
    assert answer["suggestions"][0]["evidence"]["semantic"] > 0
    after = {each["name"]: each for each in chosen("doctor", "--json").json["checks"]}
    assert "4 of 4 vectors" in after["vector index"]["detail"]
