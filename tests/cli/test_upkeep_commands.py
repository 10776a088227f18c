"""`opsatlas db upgrade`, `reindex`, `--version`: what keeps an installation in order."""

from opsatlas import __version__
from opsatlas.db import migrate
from tests.cli.conftest import Cli


def test_a_database_is_brought_to_the_newest_schema_once(cli: Cli) -> None:
    newest = migrate.newest_schema()
    assert cli.done("db", "upgrade", "--json").json == {"before": None, "after": newest}
    assert cli.done("db", "upgrade", "--json").json == {"before": newest, "after": newest}


def test_reindex_encodes_what_is_new_and_nothing_twice(cli: Cli) -> None:
    cli.done("incidents", "load", "incidents.json")
    first = cli.done("reindex", "--json").json
    assert first["encoded"] > 0
    again = cli.done("reindex", "--json").json
    assert again["encoded"] == 0
    assert again["documents"]["unchanged"] == 2
    split = cli.with_settings(search_passage_words="20").done("reindex", "--json").json
    assert split["documents"]["updated"] == 2
    jobs = {each["name"]: each for each in cli.done("doctor", "--json").json["checks"]}["jobs"]
    assert jobs["detail"].startswith("0 to do")


def test_the_version_is_told(cli: Cli) -> None:
    assert cli.done("--version").out.strip() == __version__
