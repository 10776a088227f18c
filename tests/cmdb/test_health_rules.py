"""The file of health rules: what it may say, what it is told when it says something else."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cmdb.health_checks import CHECKS
from cmdb.health_rules import HealthRules
from cmdb.health_rules_file import (
    InvalidHealthRulesError,
    health_rules,
    parse_rules,
    shipped_rules,
)
from cmdb.health_values import Patterns
from cmdb.importers.records import InputFile
from tests.cmdb.healthy import examined, rules


def test_the_shipped_rules_name_classes_and_types_that_there_are(sqlite_engine: Engine) -> None:
    assert examined(sqlite_engine).findings == []


def test_the_documentation_is_true(sqlite_engine: Engine) -> None:
    text = (Path(__file__).parents[2] / "docs" / "health.md").read_text("utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(examined(sqlite_engine, example).rules.rules) == 3
    told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))
    assert told == {name: check.severity.value for name, check in CHECKS.items()}


def test_lists_of_a_class_take_the_place_of_the_shipped_ones_and_tables_add() -> None:
    own = rules(
        'stale_after_days = 5\n[completeness.application]\nrequired = ["fqdn"]\n'
        '[[impossible]]\ndependents = ["saas"]\ntypes = ["runs_on"]\nproviders = ["server"]\n'
    )
    shipped = shipped_rules()
    assert own.stale_after_days == 5
    assert own.completeness["application"].required == ["fqdn"]
    assert own.completeness["application"].recommended == ["support_group", "criticality"]
    assert own.completeness["server"] == shipped.completeness["server"]
    assert len(own.impossible) == len(shipped.impossible) + 1


def test_the_severity_that_an_admin_says_wins() -> None:
    shipped = parse_rules(InputFile("a.toml", b'[severity]\norphan = "info"\nstale = "info"\n'))
    own = parse_rules(InputFile("b.toml", b'[severity]\norphan = "off"\n')).over(shipped)
    assert own.severity_of("orphan") is None
    assert own.severity_of("stale") == "info"


def test_rules_may_be_yaml() -> None:
    text = b"rules:\n  - name: a\n    where: {criticality: 1}\n    message: m\n"
    text += b"    require: {field: owner, exists: true}\n"
    found = parse_rules(InputFile("own.yaml", text))
    assert found.rules[0].where == {"criticality": 1}


RULE = '[[rules]]\nname = "a"\nmessage = "m"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stale_after = 3\n", "/stale_after: there is no such setting"),
        ("stale_after_days = -1\n", "/stale_after_days: "),
        ("= 3\n", "own.toml is not TOML"),
        ('[severity]\norphans = "off"\n', "there is no check 'orphans' (did you mean 'orphan'"),
        ('[severity]\norphan = "bad"\n', "/severity/orphan"),
        ('[completeness.server]\nrequired = ["owners"]\n', "did you mean 'owner'"),
        ('[completeness.server]\nrequired = ["zzz"]\n', "an attribute is written attributes.zzz"),
        ('conflict_fields = ["colour"]\n', "there is no field 'colour'"),
        (RULE, "/rules/0/require: Field required"),
        (RULE + 'require = { field = "owner" }\n', "exactly one of `exists`, `one_of`"),
        (RULE + "require = { exists = true }\n", "either a `field` or something `related`"),
        (
            RULE + 'require = { matches = "a", related = { classes = ["rack"] } }\n',
            "'matches' goes with a `field`",
        ),
        (
            RULE.replace('"a"', '"A b"') + 'require = { field = "owner", exists = true }\n',
            "/rules/0/name",
        ),
        (RULE + 'where = { nam = "x" }\nrequire = { field = "owner", exists = true }\n', "'name'"),
        (
            2 * (RULE + 'require = { field = "owner", exists = true }\n'),
            "two rules are called 'a'",
        ),
        (
            RULE + f'require = {{ field = "owner", matches = "{"*" * 201}" }}\n',
            "/rules/0/require/matches",
        ),
        ("#" * (1024 * 1024 + 1), "is longer than 1,048,576 bytes"),
    ],
)
def test_what_no_rule_can_say_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(InvalidHealthRulesError) as refused:
        parse_rules(InputFile("own.toml", text.encode()))
    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["", "a: &x [*x, *x]\n", "- 1\n", "\x00", "a: 1\n---\nb: 2\n"])
def test_odd_yaml_is_refused_or_says_nothing(text: str) -> None:
    with suppress(InvalidHealthRulesError):
        assert parse_rules(InputFile("own.yaml", text.encode())) == HealthRules()


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ('[completeness.serve]\nrequired = ["owner"]\n', "there is no CI class 'serve'"),
        ('cycle_types = ["run_on"]\n', "there is no relationship type 'run_on'"),
        (
            RULE + 'require = { related = { classes = ["rak"] } }\n',
            "/rules/a/require/related/classes: there is no CI class 'rak'",
        ),
    ],
)
def test_classes_and_types_must_be_there(sqlite_engine: Engine, own: str, told: str) -> None:
    with pytest.raises(InvalidHealthRulesError) as refused:
        examined(sqlite_engine, own)
    assert told in str(refused.value)
    assert "did you mean" in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidHealthRulesError, match="OPSATLAS_HEALTH_RULES names it"):
        health_rules(tmp_path / "none.toml")
    assert health_rules(None) is shipped_rules()


def test_patterns_know_no_case_and_no_more_than_stars_and_marks() -> None:
    fits = Patterns(["prod*", "t?st", "[ab]x", "(a+)+$", True, 2]).fits
    for value in ("Production", "PROD", "test", "ax", "(A+)+$", True, 2, ["no", "bx"], "prod\nx"):
        assert fits(value), value
    others: list[object] = ["preprod", "tst", "cx", "aaaa", False, 3, None, {}, [], [None]]
    for other in others:
        assert not fits(other), other


def test_a_pattern_of_many_stars_ends_soon() -> None:
    assert not Patterns(["*a" * 100]).fits("a" * 900 + "b")
