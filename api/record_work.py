"""What the routes of all kinds of records do alike: one unit of work around one domain function."""

from __future__ import annotations

from fastapi import Request, Response

from api.lists import Listing, listing
from api.preconditions import etag
from api.services import Services
from cmdb.importers.records import InputFile
from kb import records, stored
from kb.loads import LoadReport, load
from kb.nouns import In, Noun, Out, Patch
from kb.readers.raw import Section
from opsatlas.actor import Actor
from opsatlas.db.listing import ListQuery
from opsatlas.db.statistics import refresh_statistics
from opsatlas.db.transaction import reading, transaction


def list_records(
    request: Request, held: Services, caller: Actor, query: ListQuery, noun: Noun[In, Patch, Out]
) -> Listing[Out]:
    """One page of the records of a kind that the caller may read."""
    with reading(held.engine) as session:
        page = stored.list_records(session, noun, query, caller.groups)
    return listing(request, query, noun.output, page)


def create_records(
    request: Request,
    response: Response,
    held: Services,
    actor: Actor,
    noun: Noun[In, Patch, Out],
    body: In | list[In],
) -> Out | list[Out]:
    """Create one record or all of a list; a single one is named in `Location`."""
    single = not isinstance(body, list)
    items = body if isinstance(body, list) else [body]
    with transaction(held.engine) as session:
        created = records.create(
            session, actor, noun, items, single=single, policy=held.write_policy
        )
    held.worker.wake()
    if not single:
        return created
    response.headers["Location"] = f"{request.url.path}/{created[0].number}"
    response.headers["ETag"] = etag(created[0].version)
    return created[0]


def get_record(
    response: Response, held: Services, caller: Actor, noun: Noun[In, Patch, Out], number: str
) -> Out:
    """One record, with its version as `ETag`; what the caller may not read is not there."""
    with reading(held.engine) as session:
        found = stored.get(session, noun, number, caller.groups)
    response.headers["ETag"] = etag(found.version)
    return found


def change_record(
    response: Response,
    held: Services,
    actor: Actor,
    noun: Noun[In, Patch, Out],
    number: str,
    patch: Patch,
    if_version: int | None,
) -> Out:
    """Change the fields that `patch` sets."""
    with transaction(held.engine) as session:
        changed = records.change(
            session, actor, noun, number, patch, if_version=if_version, policy=held.write_policy
        )
    held.worker.wake()
    response.headers["ETag"] = etag(changed.version)
    return changed


def delete_record(
    held: Services, actor: Actor, noun: Noun[In, Patch, Out], number: str, if_version: int | None
) -> None:
    """Delete one record."""
    with transaction(held.engine) as session:
        records.delete(session, actor, noun, number, if_version=if_version)


def load_records(
    files: list[InputFile],
    held: Services,
    actor: Actor,
    section: Section,
    *,
    dry_run: bool,
    partial: bool,
) -> LoadReport:
    """Load files of records of a kind, all or nothing unless `partial`."""
    with transaction(held.engine) as session:
        report = load(
            session,
            actor,
            files,
            section=section,
            dry_run=dry_run,
            partial=partial,
            policy=held.write_policy,
            max_problems=held.settings.import_max_problems,
        )
    refresh_statistics(held.engine)
    held.worker.wake()
    return report
