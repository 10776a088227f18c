"""NetBox's REST API, page by page by `id`, so that no change moves what is still to come."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cmdb.importers.netbox.objects import KINDS
from cmdb.importers.records import InputFile
from cmdb.pulling.protocol import (
    Answer,
    Ask,
    IncompleteAnswerError,
    Record,
    SourceRefusedError,
    Wanted,
)
from opsatlas.clock import parse_rfc3339, rfc3339

NAME = "netbox"
DEFAULT_LISTS = tuple(
    name for name in KINDS if name not in ("virtualization/interfaces", "dcim/power-outlets")
)
INCREMENTAL = True
OVERLAP = timedelta(minutes=10)
NEEDS_TOKEN = False

_WITH_CONTEXT = ("dcim/devices", "virtualization/virtual-machines")


def is_list(name: str) -> bool:
    """Whether the format reads this endpoint."""
    return name in KINDS


def headers(_user: str, token: str) -> dict[str, str]:
    """A token of either generation; none where NetBox may be read without."""
    if not token:
        return {}
    return {"Authorization": f"{'Bearer' if token.startswith('nbt_') else 'Token'} {token}"}


def first(wanted: Wanted) -> list[Ask]:
    """The beginning of each list, without the configuration contexts: people keep credentials in
    them."""
    given = {"limit": str(wanted.page_size), "ordering": "id"}
    if wanted.since is not None:
        given["last_updated__gte"] = rfc3339(wanted.since)
    return [
        Ask(
            name,
            f"/api/{name}/",
            given | ({"exclude": "config_context"} if name in _WITH_CONTEXT else {}),
        )
        for name in wanted.lists
    ]


def following(ask: Ask, answer: Answer) -> Ask | None:
    """What comes after the last id, while the page names a next one."""
    numbers = [int(record["id"]) for record in answer.records]
    before = int(ask.parameters.get("id__gt", "0"))
    if any(this >= after for this, after in zip([before, *numbers], numbers, strict=False)):
        raise SourceRefusedError(
            f"the pages of {ask.list} do not move on: NetBox takes no notice of `ordering=id` or "
            "`id__gt`",
            hint="pulling needs NetBox 3.0 or newer; is there a proxy that drops parameters?",
        )
    if not numbers or answer.document.get("next") is None:
        return None
    return Ask(ask.list, ask.path, ask.parameters | {"id__gt": str(numbers[-1])})


def instead(_ask: Ask) -> Ask | None:
    """Nothing."""
    return None


def records(document: Any) -> list[Record]:
    """What is under `results`."""
    found = document.get("results") if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise IncompleteAnswerError("its answer has no list of objects under `results`")
    if not all(isinstance(each.get("id"), int) for each in found):
        raise IncompleteAnswerError("an object has no id")
    return found


def changed_at(record: Record) -> datetime | None:
    """`last_updated`."""
    try:
        return parse_rfc3339(record["last_updated"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def files(pages: Iterable[tuple[str, Any]]) -> list[InputFile]:
    """A file for each list, in the form of its one page."""
    found: dict[str, dict[int, Record]] = {}
    for name, document in pages:
        kept = found.setdefault(name, {})
        for record in records(document):
            kept[record["id"]] = record
    return [
        InputFile(f"{name.replace('/', '_')}.json", json.dumps(_page(list(kept.values()))).encode())
        for name, kept in found.items()
    ]


def _page(objects: list[Record]) -> dict[str, Any]:
    return {"count": len(objects), "next": None, "previous": None, "results": objects}
