"""`opsatlas db upgrade` and `opsatlas reindex`: what keeps the database itself in order."""

from __future__ import annotations

import time

import typer

from api.cli import terminal
from api.cli.client import open_services, unusable_told
from api.cli.encoding import encode_pending
from api.cli.start import Json, begin, on_local_database

db = typer.Typer(no_args_is_help=True, help="The database's schema.")


@db.command("upgrade")
def upgrade(as_json: Json = False) -> None:
    """Bring the database to the schema of this program; `serve` does so by itself."""
    from opsatlas.db import migrate
    from opsatlas.db.engine import open_engine

    settings = on_local_database(begin(), "db upgrade")
    with unusable_told(settings):
        engine = open_engine(settings)
        before, after = migrate.upgrade(engine)
        engine.dispose()
    if as_json:
        terminal.print_json({"before": before, "after": after})
    elif before == after:
        terminal.stdout.print(f"The database is at schema {after} already.")
    else:
        terminal.stdout.print(f"The database was {before or 'empty'} and is now at schema {after}.")


def reindex(as_json: Json = False) -> None:
    """Put all records into search anew, encode what is not encoded, drop what is left over.

    A passage whose text is the same keeps its vector; Ctrl-C keeps what is encoded by then. After
    another model was set, everything is encoded anew for it, and then it serves.
    """
    from kb import indexing
    from opsatlas.db.transaction import transaction
    from search.encoding import prune_vectors
    from search.spaces import prune_retired

    begun = time.perf_counter()
    held = open_services(on_local_database(begin(), "reindex"))
    try:
        with transaction(held.engine) as session:
            documents = indexing.reindex(session, held.write_policy)
            dropped = prune_vectors(session)
        encoded = encode_pending(held) if held.settings.embedding_enabled else 0
        dropped += prune_retired(held.engine, held.settings.embedding_grace)
    finally:
        held.stop()
    took = round((time.perf_counter() - begun) * 1000, 1)
    if as_json:
        report = {"documents": documents, "encoded": encoded, "vectors_dropped": dropped}
        terminal.print_json(report | {"took_ms": took})
        return
    told = ", ".join(f"{count:,} {what}" for what, count in documents.items() if count)
    terminal.stdout.print(f"documents: {told or 'none'}")
    terminal.stdout.print(
        f"{encoded:,} passages encoded, {dropped:,} unused vectors dropped ({took / 1000:.1f} s)"
    )
