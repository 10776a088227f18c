"""The vectors of a collection in PostgreSQL, compared by pgvector: no process holds any.

Every process asks the same table, so what one has committed is seen by all. A document that was
removed, changed or closed to a reader is so in the very next statement, since each question joins
the vectors with the passages and documents of its moment.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Engine, TextClause, text

from opsatlas.db.transaction import reading
from search import repository
from search.documents import TITLE
from search.embedder import Vectors
from search.indexes.pgvector_table import EmbeddingTable, set_up, written
from search.indexes.rows import Precision
from search.meaning import DocumentVectors, Nearness
from search.shelves import Shelf
from search.spaces import Space

DOCUMENTS_A_STEP = 7
"""Documents whose vectors are looked up and compared in the time in which a walk along the index
passes one vector (docs/decisions/0014-pgvector.md)."""
WIDTH_SEARCHING = 1.2
"""`hnsw.ef_search`, times the passages that are asked for."""
LEAST_WIDTH, MOST_WIDTH = 200, 1_000
"""With 36 two of a hundred of the nearest ten were missed; pgvector takes no more than the most."""
_PASSAGES_PER_DOCUMENT = 3
_GROWS_BY, _MOST_PASSAGES = 4, 5_000
"""Where the passages that are found are of too few documents, more are asked for; beyond the most
all are compared."""
_MOST_SCANNED = 100_000
"""`hnsw.max_scan_tuples`: what a walk passes by on other shelves before it gives up."""

_log = structlog.get_logger(__name__)

_WALK = text("""
    SELECT set_config('hnsw.ef_search', :width, true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.max_scan_tuples', :scanned, true),
        set_config('enable_sort', 'off', true), set_config('join_collapse_limit', '1', true),
        set_config('jit', 'off', true)
""")
"""Without sorting, and with joins in the order in which they are written, there is but one plan:
along the index, looking each vector's documents up, whatever the statistics say."""

_SHELF = "unnest(CAST(:kinds AS text[]), CAST(:audiences AS text[])) AS shelf (kind, audience)"
_NEAREST_PASSAGES = """
    SELECT document.id, -(held.embedding <#> CAST(:vector AS vector)) AS cosine
    FROM search_embedding AS held
    JOIN search_passage AS passage
        ON passage.content_hash = held.content_hash AND passage.ordinal > 0
    JOIN search_document AS document ON document.id = passage.document_id
    JOIN {shelf} ON document.kind = shelf.kind AND document.audience = shelf.audience
    WHERE held.model_id = :space AND held.searched
    ORDER BY CAST(held.embedding AS {compared}) <#> CAST(CAST(:vector AS vector) AS {compared})
    LIMIT :limit
"""
_LOOKED_UP = """
    CROSS JOIN LATERAL (
        SELECT embedding FROM search_embedding
        WHERE content_hash = passage.content_hash AND model_id = :space OFFSET 0
    ) AS held
"""
"""The vector of a passage by its key: `OFFSET 0` keeps PostgreSQL from reading whole tables, which
it would, knowing nothing of how kinds and audiences go together."""
_NEAREST_DOCUMENTS = """
    SELECT document.id, max(-(held.embedding <#> CAST(:vector AS vector))) AS cosine
    FROM {shelf}
    CROSS JOIN LATERAL (
        SELECT id FROM search_document
        WHERE kind = shelf.kind AND audience = shelf.audience OFFSET 0
    ) AS document
    CROSS JOIN LATERAL (
        SELECT content_hash FROM search_passage
        WHERE document_id = document.id AND ordinal > 0 OFFSET 0
    ) AS passage
    {looked_up}
    GROUP BY document.id ORDER BY cosine DESC, document.id LIMIT :limit
"""
_COMPARED = """
    SELECT passage.document_id, passage.id, passage.ordinal,
        -(held.embedding <#> CAST(:whole AS vector)) AS whole,
        -(held.embedding <#> CAST(:line AS vector)) AS line
    FROM search_passage AS passage
    {looked_up}
    WHERE passage.document_id = ANY(:ids)
    ORDER BY passage.document_id, passage.ordinal
"""


class VectorsInPostgres:
    """`Meaning` by pgvector."""

    def __init__(self, engine: Engine, space: Space, precision: Precision = "fp32") -> None:
        """Makes extension and table where they are missing; raises PgvectorMissingError where it
        cannot."""
        set_up(engine)
        self._engine = engine
        self._table = EmbeddingTable(engine, space, precision)
        self._nearest_passages = self._table.sql(_NEAREST_PASSAGES, shelf=_SHELF)
        self._nearest_documents = self._table.sql(
            _NEAREST_DOCUMENTS, shelf=_SHELF, looked_up=_LOOKED_UP
        )
        self._compared = self._table.sql(_COMPARED, looked_up=_LOOKED_UP)
        self._documents = 0
        self._building: threading.Thread | None = None

    def catch_up(self, ids: Collection[int] | None) -> bool:
        """Put the vectors of the documents `ids` (None: of all) that the table lacks into it;
        several processes may at once."""
        self._table.catch_up(ids)
        self._documents = self._table.documents()
        if ids is None and self._table.indexable:
            self._building = threading.Thread(target=self._build, name="pgvector", daemon=True)
            self._building.start()
        return True

    def apply(self, gone: Collection[int], documents: Iterable[DocumentVectors]) -> None:
        """Nothing: `catch_up` has put what is new, and what is gone went with its passages."""

    def nearest(
        self, vector: Vectors, limit: int, shelves: Mapping[Shelf, int]
    ) -> dict[int, float]:
        """Cosine of the best passage by document id, best first."""
        asked: dict[str, Any] = {
            "vector": written(vector),
            "kinds": [shelf.kind for shelf in shelves],
            "audiences": [shelf.audience for shelf in shelves],
        }
        passages = limit * _PASSAGES_PER_DOCUMENT
        if self._is_walk_quicker(sum(shelves.values()), passages):
            while passages <= _MOST_PASSAGES:
                best, whole = self._walk(asked, passages)
                if len(best) >= limit:
                    return dict(list(best.items())[:limit])
                if not whole:  # the walk gave up, or there are no more
                    break
                passages *= _GROWS_BY
        rows = self._rows(self._nearest_documents, asked | {"limit": limit})
        return {row.id: row.cosine for row in rows}

    def _is_walk_quicker(self, documents: int, passages: int) -> bool:
        """Whether so many passages, of so many documents among all, are found along the index
        sooner than by comparing all of these documents."""
        if not documents or not self._table.indexable:
            return False
        steps = passages * max(1.0, self._documents / documents)
        return steps * DOCUMENTS_A_STEP < documents

    def _walk(self, asked: Mapping[str, Any], passages: int) -> tuple[dict[int, float], bool]:
        """What the index finds, by document, best first; and whether it found so many passages."""
        width = min(max(int(passages * WIDTH_SEARCHING), LEAST_WIDTH), MOST_WIDTH)
        with self._engine.connect() as connection:
            connection.execute(_WALK, {"width": str(width), "scanned": str(_MOST_SCANNED)})
            rows = connection.execute(self._nearest_passages, {**asked, "limit": passages}).all()
        best: dict[int, float] = defaultdict(lambda: -1.0)
        for id_, cosine in rows:
            best[id_] = max(best[id_], cosine)
        return dict(sorted(best.items(), key=lambda item: -item[1])), len(rows) == passages

    def compare(self, whole: Vectors, line: Vectors, ids: Sequence[int]) -> Nearness:
        """The cosines of each document's best passage and title, and that passage."""
        whole_of, line_of, title_of = ([math.nan] * len(ids) for _ in range(3))
        passages: list[int | None] = [None] * len(ids)
        likest = [-math.inf] * len(ids)
        row_of = {id_: row for row, id_ in enumerate(ids)}
        asked = {"whole": written(whole), "line": written(line), "ids": list(ids)}
        for document_id, id_, ordinal, near, line_near in self._rows(self._compared, asked):
            row = row_of[document_id]
            if ordinal == TITLE:
                title_of[row] = line_near
                continue
            # Nothing is more than what is not known.
            if not near <= whole_of[row]:
                whole_of[row] = near
            if not line_near <= line_of[row]:
                line_of[row] = line_near
            if near + line_near > likest[row]:
                likest[row], passages[row] = near + line_near, id_
        return Nearness(np.array(whole_of), np.array(line_of), np.array(title_of), passages)

    def vectors_of(self, ids: Sequence[int]) -> list[Vectors | None]:
        """(k, d) for each document: the vectors of its passages; None while it has none."""
        with reading(self._engine) as session:
            found = {
                each.id: np.stack(list(each.passages.values()))
                for each in repository.document_vectors(session, self._table.model_id, list(ids))
                if each.passages
            }
        return [found.get(id_) for id_ in ids]

    def settle(self) -> None:
        """Wait until this process is not building the index."""
        if self._building is not None:
            self._building.join()

    def stop(self) -> None:
        """Nothing: an index that is not whole when the process ends is built anew by the next."""

    def _rows(self, statement: TextClause, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """One statement is one view of the database by itself: a transaction around it would be
        four more round trips."""
        options = {"isolation_level": "AUTOCOMMIT"}
        with self._engine.connect().execution_options(**options) as connection:
            return connection.execute(statement, parameters).all()

    def _build(self) -> None:
        try:
            self._table.build_index()
        except Exception:  # until somebody builds it all vectors are compared
            _log.exception("pgvector_index_not_built")
