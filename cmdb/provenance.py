"""Where each value of a CI comes from: source, import run, time; and what others say instead."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.apply_records import THE_REST
from cmdb.claims import ATTRIBUTE, Claim
from cmdb.current import read_known
from cmdb.incoming import STORED
from cmdb.inventory import stored_ci
from cmdb.models import ImportRun
from cmdb.plan import StoredRecord
from cmdb.precedence import read_precedence
from cmdb.source_schemas import OtherClaim, Provenance
from opsatlas.clock import now, parse_rfc3339


def provenance(session: Session, ci_id: int) -> list[Provenance]:
    """Every field and attribute that anybody says something of, fields first.

    Raises NoSuchCIError.
    """
    stored_ci(session, ci_id)
    current = read_known(session, {ci_id})
    records = current.records.get(ci_id, [])
    by_claim = {(each.claim.source, each.claim.key): each for each in records}
    claims = [each.claim for each in records]
    precedence, moment = read_precedence(session), now()
    times = _times(session, records)
    found: list[Provenance] = []
    for name in _ordered(claims):
        winner = precedence.winner(name, claims, moment)
        if winner is None:
            continue
        run, at, who = _origin(by_claim[winner.source, winner.key], name, times)
        others = [
            OtherClaim(
                source=claim.source,
                key=claim.key,
                value=claim.said[name],
                stale=precedence.is_stale(claim, moment),
            )
            for claim in claims
            if claim is not winner and name in claim.said
        ]
        found.append(
            Provenance(
                field=name,
                value=winner.said[name],
                source=winner.source,
                key=winner.key,
                import_run=run,
                at=at,
                actor=who,
                last_seen=winner.seen_at,
                stale=precedence.is_stale(winner, moment),
                others=others,
            )
        )
    return found


def _ordered(claims: list[Claim]) -> list[str]:
    names = {name for claim in claims for name in claim.said}
    attributes = sorted(name for name in names if name.startswith(ATTRIBUTE))
    return [*(name for name in STORED if name in names), *attributes]


def _times(session: Session, records: list[StoredRecord]) -> dict[int, tuple[datetime, str]]:
    """When and by whom each import run was made that brought any of the values."""
    runs = {run for each in records for run in each.set_by.values() if isinstance(run, int)}
    rows = session.execute(
        select(ImportRun.id, ImportRun.created_at, ImportRun.actor).where(ImportRun.id.in_(runs))
    )
    return {row.id: (row.created_at, row.actor) for row in rows}


def _origin(
    record: StoredRecord, name: str, times: dict[int, tuple[datetime, str]]
) -> tuple[int | None, datetime | None, str | None]:
    """Import run, time and person of a value."""
    by: Any = record.set_by.get(name, record.set_by.get(THE_REST))
    if isinstance(by, int):
        at, who = times.get(by, (None, None))
        return by, at, who
    if isinstance(by, list):
        return None, parse_rfc3339(by[0]), str(by[1])
    return None, None, None
