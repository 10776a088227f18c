"""Merging on the command line: the plan in words, the merge, its undoing, what is kept apart."""

from tests.cli.conftest import Cli, plain_words

CIS = """\
key,name,ci_class,owner
1,web-01,server,Ann
2,web01.example.org,server,Bob
"""


def test_a_pair_is_merged_taken_apart_again_and_kept_apart(cli: Cli) -> None:
    cli.write("twins.csv", CIS)
    cli.done("load", "twins.csv")
    plan = plain_words(cli.done("ci", "merge", "2", "--into", "web-01", "--dry-run").out)
    assert "would become part of web-01 (CI 1)" in plan
    assert "owner Ann Ann Bob" in plan
    merged = cli.done("ci", "merge", "web01.example.org", "--into", "web-01", "--json").json
    assert (merged["loser"]["id"], merged["winner"]["id"]) == (2, 1)
    undone = plain_words(cli.done("ci", "unmerge", "web01.example.org").out)
    assert "is a CI of its own again" in undone
    assert "are two" in cli.done("duplicates", "keep-apart", "1", "2").out
