"""A storm of incidents that say nothing takes no place from what helps."""

import random
from typing import Any

import pytest
from sqlalchemy import Engine

from bench.storms import START, Failure, alerts_of
from cmdb.snapshots import build
from kb import records
from kb.nouns import INCIDENTS
from kb.schemas import IncidentIn
from kb.suggest import suggest
from kb.suggest_schemas import SuggestionQuestion
from kb.weighing import HITS
from opsatlas.db.transaction import reading, transaction
from search.embedder import Embedder
from search.encoding import encode_missing
from search.retriever import Retriever
from tests.kb.builders import ALICE, log_incident, record_known_error

STORM = Failure("storm", 0, "k8s-nord", "orders-api", START, 30, ())


@pytest.mark.parametrize(
    "ended", [{}, {"status": "closed", "resolution_code": "self_recovered"}], ids=["open", "closed"]
)
def test_what_helps_is_found_behind_a_storm(
    sqlite_engine: Engine, embedder: Embedder, ended: dict[str, Any]
) -> None:
    alerts = alerts_of(STORM, 2 * HITS, random.Random(3))
    with transaction(sqlite_engine) as session:
        record_known_error(
            session,
            "Orders database runs out of connections",
            symptoms="PgTooManyConnections fires, too many clients",
            workaround="terminate idle transactions",
        )
        solved = log_incident(
            session, "Connections at their limit", workaround="restart the pooler of the node"
        )
        given = [
            IncidentIn.model_validate(
                {"title": each.title, "description": each.description, "opened_at": START} | ended
            )
            for each in alerts
        ]
        records.create(session, ALICE, INCIDENTS, given)
    encode_missing(sqlite_engine, embedder, batch_size=64)
    question = SuggestionQuestion(text=f"{alerts[0].title}\n{alerts[0].description}", limit=10)
    with reading(sqlite_engine) as session:
        retriever = Retriever(sqlite_engine, embedder)
        answer = suggest(session, retriever, build(session), question, at=START)
    assert {"KE-0001", solved.number} <= {each.id for each in answer.suggestions}
    assert len(answer.duplicates) == (0 if ended else 10)
