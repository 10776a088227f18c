"""Closures that are remembered say what reading every incident anew would say."""

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from kb import records
from kb.closures import Closures
from kb.models import Feedback, Incident, Outcome
from kb.nouns import INCIDENTS
from kb.schemas import IncidentPatch
from kb.track_record import Said, TrackRecord, assess, track_records
from opsatlas.db.transaction import transaction
from tests.kb.builders import ALICE, LONG_AGO, log_incident

NOW = LONG_AGO + timedelta(days=400)
KNOWN_ERRORS = ("KE-1", "KE-2")
CLOSED = {"status": "closed", "resolution_code": "fixed"}
STANDING_BEHIND = {"KE-1": ["INC-0001", "INC-0002"], "KE-2": ["INC-0003"], "INC-0004": ["KE-1"]}


def by_hand(session: Session, suggestion: str, at: datetime) -> TrackRecord:
    """From every incident and every voice, one by one."""
    behind = {suggestion, *STANDING_BEHIND[suggestion]}
    said = [
        Said(each.incident, Outcome(each.outcome), each.at, each.actor)
        for each in session.scalars(select(Feedback))
        if each.suggestion in behind
    ]
    said += [
        Said(each.number, None, each.closed_at or each.opened_at)
        for each in session.scalars(select(Incident))
        if {each.number, each.known_error} & behind
        and each.status == "closed"
        and each.resolution_code in ("fixed", "workaround")
    ]
    return assess(said, at)


def same(found: TrackRecord, wanted: TrackRecord) -> bool:
    return (
        (found.solved, found.not_helped) == (wanted.solved, wanted.not_helped)
        and found.last_used == wanted.last_used
        and found.mean == pytest.approx(wanted.mean, abs=1e-9)
    )


def change(session: Session, random: Random, number: int) -> None:
    """Something that happens to an incident, or to what was said of one."""
    incident = random.choice(list(session.scalars(select(Incident))))
    what = random.choice(["new", "edit", "delete", "move", "say"])
    if what == "new":
        log_incident(
            session,
            f"Another {number}",
            known_error=random.choice(KNOWN_ERRORS),
            opened_at=LONG_AGO + timedelta(hours=number),
            closed_at=LONG_AGO + timedelta(hours=number + 5),
            **CLOSED,
        )
    elif what == "delete":
        records.delete(session, ALICE, INCIDENTS, incident.number)
    elif what == "say":
        voice = {
            "suggestion": random.choice([*KNOWN_ERRORS, "INC-0004"]),
            "incident": incident.number,
            "actor": f"actor {number}",
            "outcome": random.choice(list(Outcome)).value,
            "at": LONG_AGO + timedelta(hours=number),
        }
        session.add(Feedback(**voice))
    else:
        patch = (
            {"resolution_code": random.choice(["fixed", "no_fault_found"])}
            if what == "edit"
            else {"known_error": random.choice([*KNOWN_ERRORS, None])}
        )
        records.change(
            session, ALICE, INCIDENTS, incident.number, IncidentPatch.model_validate(patch)
        )


@pytest.mark.parametrize("seed", range(4))
def test_after_any_changes_it_is_as_if_everything_were_read(engine: Engine, seed: int) -> None:
    random, kept = Random(seed), Closures()
    with transaction(engine) as session:
        for number in range(6):
            log_incident(
                session,
                f"Shop is slow {number}",
                known_error=random.choice(KNOWN_ERRORS),
                opened_at=LONG_AGO,
                closed_at=LONG_AGO + timedelta(days=number),
                **CLOSED,
            )
    for number in range(25):
        with transaction(engine) as session:
            change(session, random, number)
        with transaction(engine) as session:
            found = track_records(session, STANDING_BEHIND, NOW, None, kept)
            for suggestion, record in found.items():
                wanted = by_hand(session, suggestion, NOW)
                assert same(record, wanted), (number, suggestion, record, wanted)


def test_what_has_not_changed_is_not_read_again(sqlite_engine: Engine) -> None:
    kept = Closures()
    with transaction(sqlite_engine) as session:
        log_incident(session, known_error="KE-1", opened_at=LONG_AGO, **CLOSED)
        log_incident(session, "Other", known_error="KE-2", opened_at=LONG_AGO, **CLOSED)
        before = kept.of(session, KNOWN_ERRORS, None)
        log_incident(session, "New", known_error="KE-2", opened_at=LONG_AGO, **CLOSED)
        after = kept.of(session, KNOWN_ERRORS, None)
    assert after["KE-1"] is before["KE-1"]
    assert (len(before["KE-2"].seconds), len(after["KE-2"].seconds)) == (1, 2)
