"""Whether a suggestion still holds, on both databases."""

import pytest
from sqlalchemy import Engine

from kb import records
from kb.candidates import Candidate
from kb.models import RecordKind
from kb.nouns import CHANGES
from kb.schemas import ChangeIn
from kb.succession import heir
from kb.suggest_schemas import Caveat
from kb.validity import OUTDATED, CaveatCode, caveats, factor, rests_on
from opsatlas.db.transaction import transaction
from tests.kb.builders import ALICE, add_cis


@pytest.mark.parametrize(
    ("text", "rests"),
    [
        ("Fixed by CHG-0012.", True),
        ("Timeout is 60 s since CHG-0012 (June)", True),
        ("Since CHG-0012 it holds. CHG-0013 was reverted.", True),
        ("CHG-0012 was reverted; it is in again with CHG-0012 of May", True),
        ("Switch for NO turned back to v2 (CHG-0012 reverted), 10:21.", False),
        ("Reverted to 2.36.2 at 09:20Z (CHG-0012), 96 pre-advices resent", False),
        ("roll back CHG-0012", False),
        ("CHG-0012 wurde zurückgerollt", False),
        ("CHG-00121 holds", False),
        ("", False),
    ],
)
def test_a_remedy_rests_on_a_change_that_it_names_unless_it_takes_it_back(
    text: str, rests: bool
) -> None:
    assert rests_on("CHG-0012", text) is rests
    assert rests_on("CHG-0012", "", text) is rests


def _known_error(number: str, **fields: object) -> Candidate:
    return Candidate(RecordKind.KNOWN_ERROR, 1, number, number, **fields)  # type: ignore[arg-type]


def test_what_speaks_against_a_suggestion_is_told_with_its_code(engine: Engine) -> None:
    with transaction(engine) as session:
        alive = add_cis(session, "db-01")
        gone = add_cis(session, "db-00", "db-02", status="retired")
        for status, number in (("reverted", "CHG-0001"), ("closed", "CHG-0002")):
            change = ChangeIn.model_validate(
                {"number": number, "title": "Timeout", "status": status}
            )
            records.create(session, ALICE, CHANGES, [change])
        found = caveats(
            session,
            [
                _known_error("holds", cis=dict(alive), fix="CHG-0002", status="open"),
                _known_error("half gone", cis={**alive, **gone}),
                _known_error("gone", cis=dict(gone)),
                _known_error("unknown CI", cis={**gone, "no such": None}),
                _known_error("no CI", cis={}),
                _known_error("reverted", fix="Timeout of 60 s (CHG-0001), pool by CHG-0002"),
                _known_error("reverting", workaround="CHG-0001 reverted"),
                _known_error("resolved", status="resolved"),
                _known_error("replaced", superseded_by=("KB-0002",)),
            ],
        )
    told = {number: [(each.code, each.text) for each in doubts] for number, doubts in found.items()}
    assert {number: doubts for number, doubts in told.items() if doubts} == {
        "gone": [(CaveatCode.CI_RETIRED, "db-00 and db-02 are retired")],
        "reverted": [(CaveatCode.CHANGE_REVERTED, "it rests on CHG-0001, which was reverted")],
        "resolved": [
            (
                CaveatCode.CAUSE_REMOVED,
                "its cause counts as removed: if this is it, the fix failed or is missing here",
            )
        ],
        "replaced": [(CaveatCode.SUPERSEDED, "it was superseded by KB-0002")],
    }


def test_doubts_cost_a_fifth_once_and_a_cause_that_is_removed_costs_nothing() -> None:
    def doubts(*codes: CaveatCode) -> list[Caveat]:
        return [Caveat(code=code, text="") for code in codes]

    assert factor([]) == factor(doubts(CaveatCode.CAUSE_REMOVED)) == 1.0
    assert factor(doubts(CaveatCode.CI_RETIRED)) == OUTDATED
    assert factor(doubts(CaveatCode.CI_RETIRED, CaveatCode.SUPERSEDED)) == OUTDATED


@pytest.mark.parametrize(
    ("superseded_by", "standing", "stands"),
    [
        ({}, "AB", None),
        ({"A": ["B"]}, "AB", "B"),
        ({"A": ["B"]}, "A", None),
        ({"A": ["B"], "B": ["C"]}, "ABC", "C"),
        ({"A": ["B"], "B": ["C"]}, "AB", "B"),
        ({"A": ["B", "C"]}, "ABC", "B"),
        ({"A": ["B", "C"]}, "AC", "C"),
        ({"A": ["B"], "B": ["A"]}, "AB", None),
        ({"A": ["A"]}, "A", None),
        ({"A": ["B"], "B": ["C"], "C": ["B"]}, "ABC", None),
    ],
)
def test_the_last_of_a_chain_that_is_there_stands_in_for_an_article(
    superseded_by: dict[str, list[str]], standing: str, stands: str | None
) -> None:
    assert heir("A", superseded_by, standing) == stands
