"""ServiceNow's Table API, page by page by `sys_id`, so that no change moves what is still to come.

ServiceNow applies access rules after it has cut the page: a page may hold fewer records than were
asked for, or none, although the list goes on. So a list ends with a page that is empty and has no
`Link` to a next one.
"""

import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cmdb.importers.records import InputFile
from cmdb.pulling.protocol import (
    Answer,
    Ask,
    IncompleteAnswerError,
    Record,
    SourceRefusedError,
    Wanted,
)

NAME = "servicenow"
DEFAULT_LISTS = ("cmdb_ci", "cmdb_rel_ci")
INCREMENTAL = True
OVERLAP = timedelta(hours=13)
"""A moment in a query is read in the time zone of the user who asks; it may be 12 hours behind."""
NEEDS_TOKEN = True

_TABLE = re.compile(r"[a-z][a-z0-9_]*")
_CIS = "cmdb_ci"
_MOMENT = "%Y-%m-%d %H:%M:%S"
_BEYOND, _ORDERED = "sys_id>", "ORDERBYsys_id"


def is_list(name: str) -> bool:
    """Whether this can be the name of a table."""
    return _TABLE.fullmatch(name) is not None


def headers(user: str, token: str) -> dict[str, str]:
    """Basic with a user, else an OAuth token."""
    if user:
        said = b64encode(f"{user}:{token}".encode()).decode()
        return {"Authorization": f"Basic {said}"}
    return {"Authorization": f"Bearer {token}"}


def first(wanted: Wanted) -> list[Ask]:
    """The beginning of each table."""
    since = wanted.since
    changed = "" if since is None else f"sys_updated_on>={since.astimezone(UTC):{_MOMENT}}^"
    return [
        Ask(
            table,
            f"/api/now/table/{table}",
            {
                "sysparm_query": f"{changed}{_ORDERED}",
                "sysparm_limit": str(wanted.page_size),
                "sysparm_display_value": "all",
                "sysparm_exclude_reference_link": "false",
            },
        )
        for table in wanted.lists
    ]


def following(ask: Ask, answer: Answer) -> Ask | None:
    """What comes after the last `sys_id`; behind an empty page, what its `Link` says."""
    given = dict(ask.parameters)
    if not answer.records:
        if not answer.has_next_link:
            return None
        offset = int(given.get("sysparm_offset", "0")) + int(given["sysparm_limit"])
        return Ask(ask.list, ask.path, given | {"sysparm_offset": str(offset)})
    last, conditions = _sys_id(answer.records[-1]), given["sysparm_query"].split("^")
    if f"{_BEYOND}{last}" in conditions:
        raise SourceRefusedError(
            f"the pages of {ask.list} do not move on: the sys_id {last!r} came twice",
            hint="is there a script or a proxy that changes what is asked?",
        )
    given.pop("sysparm_offset", None)
    kept = [each for each in conditions if not each.startswith((_BEYOND, _ORDERED))]
    query = "^".join([*kept, f"{_BEYOND}{last}", _ORDERED])
    return Ask(ask.list, ask.path, given | {"sysparm_query": query})


def instead(_ask: Ask) -> Ask | None:
    """Nothing."""
    return None


def records(document: Any) -> list[Record]:
    """What is under `result`; beside an error it is a part only, such as that of a query which
    took the instance too long."""
    if not isinstance(document, dict) or "error" in document:
        raise IncompleteAnswerError("its answer is an error")
    found = document.get("result")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise IncompleteAnswerError("its answer has no list of records under `result`")
    if not all(_sys_id(each) for each in found):
        raise IncompleteAnswerError("a record has no sys_id")
    return found


def changed_at(record: Record) -> datetime | None:
    """`sys_updated_on`, which the API has in UTC."""
    try:
        return datetime.strptime(_value(record.get("sys_updated_on")), _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def files(pages: Iterable[tuple[str, Any]]) -> list[InputFile]:
    """A file for each table. A CI that several tables hold, a class and one above it, is in the
    first of them, with the fields of all."""
    tables: dict[str, list[tuple[str, str]]] = defaultdict(list)
    found: dict[tuple[str, str], Record] = {}
    for table, document in pages:
        tables[table]  # an empty table is a file, too
        for record in records(document):
            key = (_CIS if table.startswith(_CIS) else table, _sys_id(record))
            known = found.get(key)
            if known is None:
                tables[table].append(key)
                found[key] = record
            elif _value(record.get("sys_updated_on")) >= _value(known.get("sys_updated_on")):
                found[key] = known | record
            else:
                found[key] = record | known
    return [
        InputFile(f"{table}.json", json.dumps({"result": [found[key] for key in keys]}).encode())
        for table, keys in tables.items()
    ]


def _sys_id(record: Record) -> str:
    return _value(record.get("sys_id"))


def _value(said: Any) -> str:
    value = said.get("value") if isinstance(said, dict) else said
    return value if isinstance(value, str) else ""
