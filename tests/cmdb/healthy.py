"""Examines small inventories for tests of the health report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from cmdb.health import Examination, Scope, examine
from cmdb.health_report import find, findings_out
from cmdb.health_rules import HealthRules
from cmdb.health_rules_file import parse_rules, shipped_rules
from cmdb.importers.records import InputFile
from opsatlas.clock import now
from opsatlas.db.transaction import reading
from tests.cmdb.inventories import load_texts

Found = set[tuple[str, str]]
"""Names of CIs, each with a check that found something."""


def put(engine: Engine, *texts: str, **options: Any) -> None:
    """Load native CSV files; fails where they cannot be loaded."""
    report = load_texts(engine, *texts, **options)
    assert report.state == "done", report.problems


def rules(text: str = "") -> HealthRules:
    """The shipped rules with these, in TOML, over them."""
    return parse_rules(InputFile("own.toml", text.encode())).over(shipped_rules())


def examined(engine: Engine, own: str = "", moment: datetime | None = None) -> Examination:
    """What is found at this moment, or now."""
    with reading(engine) as session:
        return examine(session, rules(own), moment or now())


def found(engine: Engine, own: str = "", moment: datetime | None = None) -> Found:
    """Every CI with what was found, but for attributes that are only recommended."""
    listed = details(engine, own, moment=moment)
    return {(name, check) for name, check, _ in listed if check != "missing_recommended"}


def details(
    engine: Engine,
    own: str = "",
    *checks: str,
    moment: datetime | None = None,
    scope: Scope | None = None,
) -> list[tuple[str, str, str]]:
    """(CI, check, detail) of what these checks found, or all of them."""
    examination = examined(engine, own, moment)
    with reading(engine) as session:
        rows: list[Any] = find(examination, scope or Scope(), checks, ())
        out = findings_out(session, examination, rows)
    return [(each.ci.name, each.check, each.detail) for each in out]
