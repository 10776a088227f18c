"""`opsatlas impact --what-if-…` and `opsatlas changes assess`: readable, and the API's answer."""

import json

import pytest

from api.cli.failures import UsageError
from api.cli.suppositions import supposition
from cmdb.full_impact import FullImpactAnswer
from kb.change_assessment_schemas import Assessment
from tests.cli.conftest import Cli, plain_words


def test_a_supposition_is_told_with_what_would_change_and_why(shop: Cli) -> None:
    out = shop.done(
        "impact", "api-1", "--what-if-fail", "api-2", "--explain", "all", "--why", "orders-api"
    ).out
    said = plain_words(out)
    assert "orders-api is not affected" in said
    assert "Search is at risk: it needs 2 of the 3 in group 'api'; api-1 is down" in said
    assert "What if: api-1, api-2 failed 1 service would be worse off; 2 CIs in all" in said
    assert "at risk down Search 2" in said
    assert max(len(line) for line in out.splitlines()) <= 80


def test_a_supposition_in_json_is_the_answer_of_the_api(shop: Cli) -> None:
    said = ("--what-if-add", "Search -> db-orders-01?", "--what-if-remove", "Reports -> Checkout")
    document = shop.done("impact", "db-orders-01", *said, "--json").json
    answer = FullImpactAnswer.model_validate(document)
    assert answer.what_if is not None
    changed = {each.name: (each.before, each.after) for each in answer.what_if.difference.services}
    assert changed == {
        "Search": ("operational", "degraded"),
        "Reports": ("degraded", "operational"),
    }


def test_changes_that_break_a_group_together_are_told_as_a_conflict(cli: Cli) -> None:
    cli.done("load", "items.csv", "relationships.csv")
    day = "2150-03-04T"
    changes = [
        {"number": f"CHG-{n}", "title": "Patch", "cis": [f"api-{n}"]}
        | {"planned_start": f"{day}{19 + n}:00:00Z", "planned_end": f"{day}{21 + n}:00:00Z"}
        for n in (1, 2)
    ]
    cli.write("changes.jsonl", "\n".join(json.dumps(each) for each in changes))
    cli.done("changes", "load", "changes.jsonl")
    out = cli.done("changes", "assess", "CHG-1").out
    said = plain_words(out)
    assert "CHG-2 (overlaps) 2150-03-04 21:00 - 22:00 api-2 1 at risk" in said
    assert "down 2150-03-04 21:00 - 22:00 CHG-1, CHG-2" in said
    assert "Conflict: CHG-1 + CHG-2, 2150-03-04 21:00 - 22:00" in said
    assert "group 'api' of Search: 1 of 3 members are up, 2 needed" in said
    assert max(len(line) for line in out.splitlines()) <= 80
    times = ("--from", "2150-03-04T20:00:00Z", "--to", "2150-03-04T20:30:00Z")
    document = cli.done("changes", "assess", "--ci", "api-3", *times, "--json").json
    assert Assessment.model_validate(document).conflicts[0].changes == ["CHG-1", "draft-1"]


def test_a_relationship_that_cannot_be_read_is_a_usage_error() -> None:
    assert supposition(None, None, None, ["web -> db ?"]) == {
        "add_relationships": [{"dependent": "web", "provider": "db", "dependency": "optional"}]
    }
    for said in ("web db", "-> db", "a -> b -> c"):
        with pytest.raises(UsageError, match="--what-if-remove"):
            supposition(None, None, [said], None)
