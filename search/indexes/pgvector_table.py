"""The table and the index of pgvector: made where they are chosen, filled from the stored vectors.

A row is what a row of `search_vector` says, as a type that PostgreSQL can compare. The stored
vector never changes and takes its row along when it is deleted, so a row is right or gone; which
documents it stands for is read from `search_passage` by each question.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, String, TextClause, bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from search.embedder import Vectors
from search.encoding import vector_from_bytes
from search.indexes.rows import Precision
from search.spaces import Space

LINKS, WIDTH_BUILDING = 16, 100
"""`m` and `ef_construction` of the graph: pgvector's own default, and somewhat more than it."""
MOST_DIMENSIONS = {"fp32": 2_000, "fp16": 4_000}
"""What pgvector can index (its README, "HNSW"); of longer vectors all are compared."""

_ROWS_AT_A_TIME = 1_000
_LEAST_MEMORY, _MOST_MEMORY = 64, 1024
"""MB that building the index may take; with less than it needs, pgvector is many times slower."""
_OVERHEAD = 1.5
"""What a vector takes in a graph that is being built, times its own size."""
_LOCK = 0x6F70_7361
"""Advisory lock of whoever builds an index; any number that nobody else takes."""

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS search_embedding (
        content_hash bytea NOT NULL,
        model_id varchar NOT NULL,
        embedding vector NOT NULL,
        searched boolean NOT NULL,
        PRIMARY KEY (content_hash, model_id),
        FOREIGN KEY (content_hash, model_id)
            REFERENCES search_vector (content_hash, model_id) ON DELETE CASCADE
    )
    """,
    "COMMENT ON TABLE search_embedding IS 'A cache of search_vector for pgvector; may be dropped'",
    """
    CREATE INDEX IF NOT EXISTS search_embedding_shelf
        ON search_document (kind, audience) INCLUDE (id)
    """,
)
_HELD = "SELECT count(*) FROM search_embedding WHERE model_id = :space"
_STORED = "SELECT count(*) FROM search_vector WHERE model_id = :space"
_LACKING = """
    SELECT stored.content_hash, stored.vector, passages.searched
    FROM search_vector AS stored
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS any, coalesce(bool_or(ordinal > 0), false) AS searched
        FROM search_passage WHERE search_passage.content_hash = stored.content_hash
    ) AS passages
    WHERE stored.model_id = :model_id AND stored.content_hash > :after AND passages.any
        {of_documents}
        AND NOT EXISTS (
            SELECT 1 FROM search_embedding AS held
            WHERE held.content_hash = stored.content_hash AND held.model_id = stored.model_id
                AND (held.searched OR NOT passages.searched)
        )
    ORDER BY stored.content_hash LIMIT :limit
    FOR KEY SHARE OF stored SKIP LOCKED
"""
_OF_DOCUMENTS = """
    AND stored.content_hash IN (
        SELECT content_hash FROM search_passage WHERE document_id = ANY(:ids)
    )
"""
_PUT = text("""
    INSERT INTO search_embedding AS held (content_hash, model_id, embedding, searched)
    VALUES (:content_hash, :model_id, CAST(:embedding AS vector), :searched)
    ON CONFLICT (content_hash, model_id) DO UPDATE SET searched = true
    WHERE excluded.searched AND NOT held.searched
""")


class PgvectorMissingError(InvalidInputError):
    """The vector index of PostgreSQL was chosen where there is none."""

    code = "pgvector_missing"


@dataclass(frozen=True, slots=True)
class TableReport:
    """How the table of a space stands."""

    extension: str
    """The version of pgvector."""
    held: int
    """Vectors that are there."""
    stored: int
    """Vectors of the space in `search_vector`."""
    indexed: bool
    """Whether the index is built and in use."""


class EmbeddingTable:
    """The vectors of one space in PostgreSQL. Any number of processes may share it."""

    def __init__(self, engine: Engine, space: Space, precision: Precision = "fp32") -> None:
        """`precision` is what the index holds; the table always holds 32 bits."""
        self._engine = engine
        self.model_id = space.model_id
        self.dimensions = space.dimensions
        long = space.dimensions > MOST_DIMENSIONS["fp32"]
        self.precision: Precision = "fp16" if long else precision
        digest = hashlib.sha256(f"{space.model_id}\n{space.dimensions}".encode()).hexdigest()
        self.index_name = f"search_embedding_{digest[:16]}_{self.precision}"

    @property
    def indexable(self) -> bool:
        """Whether pgvector can index vectors so long."""
        return self.dimensions <= MOST_DIMENSIONS["fp16"]

    def sql(self, statement: str, **parts: str) -> TextClause:
        """A statement about this space: `{compared}` in it becomes the type that the index has,
        the names of `parts` become these,
        `:space` the name of the space, written out, since a plan for any value of a parameter
        could not use an index over one."""
        kind = "halfvec" if self.precision == "fp16" else "vector"
        named = bindparam("space", self.model_id, String(), literal_execute=True)
        return text(statement.format(compared=f"{kind}({self.dimensions})", **parts)).bindparams(
            named
        )

    def catch_up(self, ids: Collection[int] | None) -> int:
        """Take in the stored vectors of the documents `ids` (None: of all) that are lacking;
        returns how many. Several processes may do so at once."""
        put = 0
        after: bytes | None = b""
        while after is not None:
            with transaction(self._engine) as session:
                rows = self._lacking(session, after, ids)
                if rows:
                    session.execute(_PUT, rows)
            put += len(rows)
            after = rows[-1]["content_hash"] if len(rows) == _ROWS_AT_A_TIME else None
        return put

    def documents(self) -> int:
        """About how many documents there are, as PostgreSQL's statistics say; 0 without any."""
        with reading(self._engine) as session:
            found = session.scalar(
                text(
                    "SELECT CAST(greatest(reltuples, 0) AS bigint) FROM pg_class"
                    " WHERE oid = to_regclass('search_document')"
                )
            )
        return found or 0

    def build_index(self) -> bool:
        """Build the index where it is missing; whether it is there afterwards.

        Neither readers nor writers wait for it. Where another process is at it, returns False.
        """
        if not self.indexable:
            return False
        options = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with options.connect() as connection:
            got = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK})
            if not got:
                return self._is_valid(connection) is True
            try:
                return self._built(connection)
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})

    def report(self) -> TableReport:
        """How it stands. Raises PgvectorMissingError where nothing has been set up."""
        _require_postgresql(self._engine)
        with reading(self._engine) as session:
            extension = session.scalar(
                text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            )
            if session.scalar(text("SELECT to_regclass('search_embedding')")) is None:
                raise PgvectorMissingError(
                    "the table of pgvector is missing", hint="start the server once: it makes it"
                )
            held = session.scalar(self.sql(_HELD))
            stored = session.scalar(self.sql(_STORED))
            indexed = self._is_valid(session.connection()) is True
        return TableReport(str(extension), held or 0, stored or 0, indexed)

    def _lacking(
        self, session: Session, after: bytes, ids: Collection[int] | None
    ) -> list[dict[str, Any]]:
        statement = _LACKING.format(of_documents="" if ids is None else _OF_DOCUMENTS)
        parameters = {"model_id": self.model_id, "after": after, "limit": _ROWS_AT_A_TIME}
        if ids is not None:
            parameters["ids"] = list(ids)
        return [
            {
                "content_hash": row.content_hash,
                "model_id": self.model_id,
                "embedding": written(vector_from_bytes(row.vector)),
                "searched": row.searched,
            }
            for row in session.execute(text(statement), parameters)
        ]

    def _built(self, connection: Connection) -> bool:
        valid = self._is_valid(connection)
        if valid:
            return True
        if valid is False:  # left by a process that ended while it was building
            connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index_name}"))
        count = connection.scalar(self.sql(_HELD))
        size = 2 if self.precision == "fp16" else 4
        needed = int((count or 0) * self.dimensions * size * _OVERHEAD) >> 20
        memory = min(max(needed, _LEAST_MEMORY), _MOST_MEMORY)
        operators = "halfvec_ip_ops" if self.precision == "fp16" else "vector_ip_ops"
        connection.execute(text(f"SET maintenance_work_mem = '{memory}MB'"))
        try:
            connection.execute(
                self.sql(
                    f"CREATE INDEX CONCURRENTLY {self.index_name} ON search_embedding"
                    f" USING hnsw ((CAST(embedding AS {{compared}})) {operators})"
                    f" WITH (m = {LINKS}, ef_construction = {WIDTH_BUILDING})"
                    " WHERE model_id = :space AND searched"
                )
            )
            connection.execute(text("ANALYZE search_embedding"))
        finally:
            connection.execute(text("RESET maintenance_work_mem"))
        return True

    def _is_valid(self, connection: Connection) -> bool | None:
        """Whether the index can be used; None where it is not there."""
        found: bool | None = connection.scalar(
            text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"),
            {"name": self.index_name},
        )
        return found


def set_up(engine: Engine) -> None:
    """Make extension and table where they are missing.

    Raises PgvectorMissingError on SQLite, and where PostgreSQL has no pgvector or its user may not
    bring it in.
    """
    _require_postgresql(engine)
    try:
        with transaction(engine) as session:
            # Two processes that start at once would both find nothing and both make it.
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK + 1})
            there = session.scalar(text("SELECT 1 FROM pg_extension WHERE extname = 'vector'"))
            if not there:
                session.execute(text("CREATE EXTENSION vector"))
            if session.scalar(text("SELECT to_regclass('search_embedding')")) is None:
                for statement in _SCHEMA:
                    session.execute(text(statement))
    except DBAPIError as error:
        raise _not_there(engine, error) from error


def _require_postgresql(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        raise PgvectorMissingError(
            "OPSATLAS_VECTOR_INDEX=pgvector needs PostgreSQL",
            hint="set OPSATLAS_DATABASE_URL to a PostgreSQL database, or leave the index at `auto`",
        )


def _not_there(engine: Engine, error: DBAPIError) -> DBAPIError | PgvectorMissingError:
    state = getattr(error.orig, "sqlstate", "")
    if state in ("0A000", "58P01", "22023"):  # no such extension on this server
        return PgvectorMissingError(
            "this PostgreSQL server has no pgvector",
            hint="install pgvector 0.8 or newer on the server, or leave OPSATLAS_VECTOR_INDEX at"
            " `auto`",
        )
    if state == "42501":  # insufficient privilege
        return PgvectorMissingError(
            f"the user {engine.url.username!r} may not set up pgvector",
            hint=f"have an administrator run `CREATE EXTENSION vector` in {engine.url.database!r}",
        )
    return error


def written(vector: Vectors) -> str:
    """A vector ((d,)) as pgvector reads it, exactly."""
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
