"""Search can be put in step with the records again, and nothing is encoded twice."""

from sqlalchemy import Engine, delete

from kb.documents import ENCODE
from kb.indexing import handlers, reindex
from opsatlas.db.transaction import transaction
from opsatlas.worker import Worker
from search.documents import TextDocument, put_documents
from search.embedder import Embedder
from search.models import SearchDocument, SearchPassage, SearchVector
from tests.kb.builders import count, log_incident, record_known_error


def test_new_records_are_encoded_by_one_job(engine: Engine, embedder: Embedder) -> None:
    with transaction(engine) as session:
        log_incident(session, description="a")
        log_incident(session, "Other", description="b")
    worker = Worker(engine, handlers(engine, embedder, batch_size=1))
    assert worker.run_pending() == 1
    with transaction(engine) as session:
        assert count(session, SearchVector) == 4  # a title and a passage of each


def test_reindexing_mends_what_is_out_of_step(engine: Engine) -> None:
    with transaction(engine) as session:
        log_incident(session)
        record_known_error(session)
        assert reindex(session) == {"created": 0, "updated": 0, "unchanged": 2, "removed": 0}
        session.execute(delete(SearchPassage))
        session.execute(delete(SearchDocument))
        put_documents(session, [TextDocument("incident", "INC-0001", "changed", "")])
        put_documents(session, [TextDocument("incident", "INC-0999", "ghost", "")])
        assert reindex(session) == {"created": 1, "updated": 1, "unchanged": 0, "removed": 1}


def test_the_job_s_kind_is_the_one_that_is_queued(engine: Engine, embedder: Embedder) -> None:
    assert list(handlers(engine, embedder, batch_size=8)) == [ENCODE]
