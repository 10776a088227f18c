"""Backstage's catalogue: `by-query` with its cursors, which go by `metadata.uid`, so that no change
moves what is still to come; of older backends everything in one answer."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from cmdb.importers.json_values import members, text_of
from cmdb.importers.records import InputFile
from cmdb.pulling.protocol import (
    Answer,
    Ask,
    IncompleteAnswerError,
    Record,
    SourceRefusedError,
    Wanted,
)

NAME = "backstage"
DEFAULT_LISTS: tuple[str, ...] = ()
INCREMENTAL = False
OVERLAP = timedelta(0)
NEEDS_TOKEN = False

_LIST = "entities"
_ALL = "/api/catalog/entities"


def is_list(_name: str) -> bool:
    """There is but one list."""
    return False


def headers(_user: str, token: str) -> dict[str, str]:
    """A token for external access; none where the catalogue may be read without."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def first(wanted: Wanted) -> list[Ask]:
    """The beginning of the catalogue."""
    given = {"limit": str(wanted.page_size), "orderField": "metadata.uid,asc"}
    return [Ask(_LIST, f"{_ALL}/by-query", given)]


def following(ask: Ask, answer: Answer) -> Ask | None:
    """What the cursor leads to."""
    if isinstance(answer.document, list):
        return None
    cursor = text_of(members(answer.document.get("pageInfo")).get("nextCursor"))
    if cursor is None:
        return None
    if cursor == ask.parameters.get("cursor"):
        raise SourceRefusedError("the pages of the catalogue do not move on: a cursor came twice")
    return Ask(_LIST, ask.path, {"cursor": cursor, "limit": ask.parameters["limit"]})


def instead(_ask: Ask) -> Ask | None:
    """All entities in one answer: by offset, pages would move while they are read."""
    return Ask(_LIST, _ALL, {})


def records(document: Any) -> list[Record]:
    """The entities."""
    found = document.get("items") if isinstance(document, dict) else document
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise IncompleteAnswerError("its answer has no list of entities")
    return found


def changed_at(_record: Record) -> datetime | None:
    """Entities do not say it."""
    return None


def files(pages: Iterable[tuple[str, Any]]) -> list[InputFile]:
    """One file; an entity that was renamed or made anew meanwhile counts as it was read last."""
    by_uid: dict[str, Record] = {}
    for _name, document in pages:
        for record in records(document):
            key = text_of(members(record.get("metadata")).get("uid")) or _ref(record)
            by_uid.pop(key, None)
            by_uid[key] = record
    by_ref = {_ref(record): record for record in by_uid.values()}
    return [InputFile(f"{_LIST}.json", json.dumps(list(by_ref.values())).encode())]


def _ref(record: Record) -> str:
    metadata = members(record.get("metadata"))
    namespace = text_of(metadata.get("namespace")) or "default"
    return f"{record.get('kind')}:{namespace}/{metadata.get('name')}".lower()
