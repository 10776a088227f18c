"""Health as CSV: what a spreadsheet would calculate is text, and a record is one line."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from cmdb.health_checks import Category, HealthSeverity
from cmdb.health_csv import cell, findings_csv
from cmdb.health_schemas import FindingOut
from cmdb.impact_schemas import CIName


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r=1", "＝1"])
def test_what_begins_a_formula_gets_an_apostrophe(text: str) -> None:
    assert str(cell(text)).startswith("'")


@pytest.mark.parametrize("value", ["web-1", "a=b", "", None, -3, 1.5, "10.0.0.1", "'=1"])
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert cell(value) == value


def test_a_record_is_one_line_whatever_stands_in_it() -> None:
    nasty = 'a,"b"\r\n=cmd|c\n;x'
    finding = FindingOut(
        ci=CIName(id=1, name=nasty, ci_class="server"),
        check="orphan",
        category=Category.CORRECTNESS,
        severity=HealthSeverity.WARNING,
        detail="=1",
        remedy="r",
        other=None,
        owner=None,
        sources=["one", "two"],
    )
    text = "".join(findings_csv([finding]))
    assert text.count("\r\n") == 2
    assert text.replace("\r\n", "").count("\n") == 0
    _head, row = csv.reader(StringIO(text, newline=""))
    assert row[4] == 'a,"b" =cmd|c ;x'
    assert row[6:9] == ["", "one;two", "'=1"]
