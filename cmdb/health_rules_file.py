"""Reads the rules of health reports: the shipped ones, and the file that an admin writes."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from cmdb.health_rules import ALL, HealthRules
from cmdb.importers.records import InputFile
from cmdb.names import did_you_mean
from cmdb.rules_file import open_rules, read_rules
from opsatlas.errors import ErrorItem, InvalidInputError


class InvalidHealthRulesError(InvalidInputError):
    """The file of health rules says something that no such file can say."""

    code = "invalid_health_rules"


@cache
def shipped_rules() -> HealthRules:
    """The rules that come with the product."""
    content = files("cmdb").joinpath("health.toml").read_bytes()
    return parse_rules(InputFile("health.toml", content))


def health_rules(own: Path | None) -> HealthRules:
    """The shipped rules, with those of the admin's file over them.

    Raises InvalidHealthRulesError.
    """
    if own is None:
        return shipped_rules()
    file = open_rules(own, InvalidHealthRulesError, "OPSATLAS_HEALTH_RULES")
    return parse_rules(file).over(shipped_rules())


def parse_rules(file: InputFile) -> HealthRules:
    """Rules from a TOML or YAML file. Raises InvalidHealthRulesError, which names the place."""
    return read_rules(HealthRules, file, InvalidHealthRulesError, page="docs/health.md")


def check_names(rules: HealthRules, classes: Iterable[str], types: Iterable[str]) -> None:
    """Raise InvalidHealthRulesError for a class or relationship type that there is not."""
    classes, types = {*classes, ALL}, {*types, ALL}
    known = {"classes": classes, "types": types}

    def check(place: str, kind: str, names: Iterable[str]) -> None:
        for name in names:
            if name not in known[kind]:
                what = "CI class" if kind == "classes" else "relationship type"
                message = f"{place}: there is no {what} {name!r}"
                item = ErrorItem(place, message, name, did_you_mean(name, known[kind]))
                raise InvalidHealthRulesError(message, hint=item.hint, errors=[item])

    check("/completeness", "classes", rules.completeness)
    check("/cycle_types", "types", rules.cycle_types or ())
    if rules.orphans is not None:
        check("/orphans/ignored_classes", "classes", rules.orphans.ignored_classes)
    if rules.hosting is not None:
        check("/hosting/classes", "classes", rules.hosting.classes)
        check("/hosting/types", "types", rules.hosting.types)
    if rules.foundation is not None:
        check("/foundation/classes", "classes", rules.foundation.classes)
        check("/foundation/on", "classes", rules.foundation.on)
    for name, table in (("impossible", rules.impossible), ("possible", rules.possible)):
        for number, pairs in enumerate(table):
            check(f"/{name}/{number}/dependents", "classes", pairs.dependents)
            check(f"/{name}/{number}/types", "types", pairs.types)
            check(f"/{name}/{number}/providers", "classes", pairs.providers)
    for rule in rules.rules:
        check(f"/rules/{rule.name}/classes", "classes", rule.classes)
        if rule.require.related is not None:
            related = rule.require.related
            check(f"/rules/{rule.name}/require/related/classes", "classes", related.classes)
            check(f"/rules/{rule.name}/require/related/types", "types", related.types)
