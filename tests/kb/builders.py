"""Records, CIs and files in one line each, for tests that read like a sentence."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from cmdb.importers.records import InputFile
from kb import records
from kb.loads import LoadReport, load
from kb.nouns import INCIDENTS, KNOWN_ERRORS
from kb.schemas import IncidentIn, IncidentOut, KnownErrorIn, KnownErrorOut
from opsatlas.actor import Actor, Role
from opsatlas.db.model import Model
from opsatlas.db.transaction import transaction
from tests.cmdb.rows import put_ci

ALICE = Actor("alice", Role.RESPONDER, "request-1")
BOB = Actor("bob", Role.RESPONDER)
LONG_AGO = datetime(2026, 3, 4, 10, tzinfo=UTC)


def add_cis(session: Session, *names: str, status: str = "active") -> dict[str, int]:
    """CIs with these names; their ids by name."""
    return {name: put_ci(session, name, status=status) for name in names}


def log_incident(session: Session, title: str = "Shop is slow", **fields: Any) -> IncidentOut:
    """One incident, logged by Alice."""
    given = IncidentIn.model_validate({"title": title} | fields)
    return records.create(session, ALICE, INCIDENTS, [given])[0]


def record_known_error(
    session: Session, title: str = "Pool runs dry", **fields: Any
) -> KnownErrorOut:
    """One known error, recorded by Alice."""
    given = KnownErrorIn.model_validate({"title": title, "workaround": "restart it"} | fields)
    return records.create(session, ALICE, KNOWN_ERRORS, [given])[0]


def json_lines(name: str, *rows: dict[str, Any]) -> InputFile:
    """A file of JSON lines."""
    return InputFile(name, "\n".join(json.dumps(row) for row in rows).encode())


def load_files(engine: Engine, *files: InputFile, **options: Any) -> LoadReport:
    """Load files as Alice in a unit of work of their own."""
    with transaction(engine) as session:
        return load(session, ALICE, files, **options)


def count(session: Session, model: type[Model]) -> int:
    """How many rows a table has."""
    return session.scalar(select(func.count()).select_from(model)) or 0


def codes(report: LoadReport) -> Sequence[str]:
    """The codes of a report's problems, in its order."""
    return [problem.code for problem in report.problems]
