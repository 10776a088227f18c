"""A real HTTP server that speaks the documented parts of three APIs, over data that may change.

ServiceNow's Table API (`sysparm_query`, limit, offset, `Link`, access rules after the cut),
NetBox's lists (limit, offset, ordering, `id__gt`, `last_updated__gte`, a largest page) and
Backstage's catalogue (`by-query` with cursors, `entities`).
"""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cmdb.pulling.fetch import Patience

SEED = Path(__file__).parents[3] / "seed_data" / "sources"
TOKEN = "s3cret-token-of-the-tests"
PASSWORD_OF_SYNC = "Basic " + b64encode(f"sync:{TOKEN}".encode()).decode()
ALLOWED = (f"Token {TOKEN}", f"Bearer {TOKEN}", PASSWORD_OF_SYNC)
QUICK = Patience(tries=4, first_pause=0.01, longest_pause=2.0, timeout=5.0)

Record = dict[str, Any]
Reply = tuple[int, Any, dict[str, str]]
NOT_HERE: Reply = (404, {"detail": "Not found."}, {})


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What goes wrong once, instead of the answer or with it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Instead of the answer's own."""
    cut: str = ""
    """`connection`: half the body, then nothing; `json`: half the body, as if it were all."""


class System:
    """The data behind the server, what was asked of it, and what shall go wrong."""

    url = ""

    def __init__(self) -> None:
        self.empty()

    def empty(self) -> None:
        """Without data, faults and memory."""
        self.tables: dict[str, list[Record]] = {}
        self.lists: dict[str, list[Record]] = {}
        self.entities: list[Record] = []
        self.has_by_query = True
        self.hidden: set[str] = set()
        """ServiceNow's records that access rules keep from us."""
        self.max_page_size = 1000
        self.takes_id_gt = True
        self.asked: list[Asked] = []
        self.faults: deque[Fault | None] = deque()
        """For the requests to come, in their order; None: nothing goes wrong."""
        self.before: dict[int, Callable[[], None]] = {}
        """What happens to the data before the request of this number (from 1) is answered."""

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if change := self.before.pop(len(self.asked), None):
            change()
        if asked.headers.get("authorization") not in ALLOWED:
            return 401, {"error": "not authenticated"}, {}
        parts = asked.path.strip("/").split("/")
        if parts[:3] == ["api", "now", "table"]:
            return self._table(parts[3], asked)
        if parts[:2] == ["api", "catalog"]:
            return self._catalogue(parts[2:], asked)
        if parts[0] == "api" and "/".join(parts[1:]) in self.lists:
            return self._list("/".join(parts[1:]), asked)
        return NOT_HERE

    def _table(self, table: str, asked: Asked) -> Reply:
        if table not in self.tables:
            return 400, {"error": {"message": f"Invalid table {table}"}, "status": "failure"}, {}
        found = list(self.tables[table])
        for part in asked.parameters["sysparm_query"].split("^"):
            if part.startswith("ORDERBY"):
                name = part.removeprefix("ORDERBY")
                found.sort(key=lambda each: value(each[name]))
            else:
                name, _, least = part.partition(">")
                found = [
                    each
                    for each in found
                    if (
                        value(each[name]) >= least[1:]
                        if least.startswith("=")
                        else value(each[name]) > least
                    )
                ]
        limit = int(asked.parameters["sysparm_limit"])
        offset = int(asked.parameters.get("sysparm_offset", "0"))
        page = found[offset : offset + limit]
        headers = {"X-Total-Count": str(len(found))}
        if offset + limit < len(found):
            following = urlencode({**asked.parameters, "sysparm_offset": offset + limit})
            headers["Link"] = f'<{self.url}{asked.path}?{following}>;rel="next"'
        seen = [each for each in page if value(each["sys_id"]) not in self.hidden]
        return 200, {"result": seen}, headers

    def _list(self, name: str, asked: Asked) -> Reply:
        given = asked.parameters
        found = list(self.lists[name])
        if "last_updated__gte" in given:
            found = [each for each in found if each["last_updated"] >= given["last_updated__gte"]]
        if self.takes_id_gt and "id__gt" in given:
            found = [each for each in found if each["id"] > int(given["id__gt"])]
        if given.get("ordering") == "id":
            found.sort(key=lambda each: each["id"])
        limit = min(int(given.get("limit", "50")), self.max_page_size)
        offset = int(given.get("offset", "0"))
        following = None
        if offset + limit < len(found):
            there = urlencode({**given, "limit": limit, "offset": offset + limit})
            following = f"{self.url}{asked.path}?{there}"
        page = found[offset : offset + limit]
        document = {"count": len(found), "next": following, "previous": None, "results": page}
        return 200, document, {}

    def _catalogue(self, parts: list[str], asked: Asked) -> Reply:
        if parts == ["entities"]:
            return 200, self.entities, {}
        if parts != ["entities", "by-query"] or not self.has_by_query:
            return NOT_HERE
        after = ""
        if "cursor" in asked.parameters:
            after = json.loads(b64decode(asked.parameters["cursor"]))["after"]
        else:
            assert asked.parameters["orderField"] == "metadata.uid,asc"
        found = sorted(self.entities, key=lambda each: each["metadata"]["uid"])
        left = [each for each in found if each["metadata"]["uid"] > after]
        limit = int(asked.parameters["limit"])
        page, info = left[:limit], {}
        if len(left) > limit:
            kept = {"after": page[-1]["metadata"]["uid"]}
            info["nextCursor"] = b64encode(json.dumps(kept).encode()).decode()
        return 200, {"items": page, "totalItems": len(found), "pageInfo": info}, {}


def value(said: Any) -> str:
    """What the database has in a field of a table."""
    return str(said["value"] if isinstance(said, dict) else said)


@contextmanager
def serving(system: System, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server over `system`, with TLS where a context is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # small writes would each wait for the other side

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            headers = {name.lower(): said for name, said in self.headers.items()}
            asked = Asked(split.path, dict(parse_qsl(split.query)), headers)
            fault = (system.faults.popleft() if system.faults else None) or Fault()
            status, document, extra = system.answer(asked)
            body = json.dumps(document).encode() if fault.body is None else fault.body
            if fault.status != 200:
                status = fault.status
            sent = body[: len(body) // 2] if fault.cut else body
            self.send_response(status)
            for name, said in {
                "Content-Type": "application/json",
                **extra,
                **fault.headers,
            }.items():
                self.send_header(name, said)
            self.send_header("Content-Length", str(len(sent if fault.cut == "json" else body)))
            self.end_headers()
            self.wfile.write(sent)
            self.close_connection = self.close_connection or fault.cut == "connection"

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)

    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    scheme = "http" if context is None else "https"
    system.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    try:
        yield system.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sample_servicenow() -> dict[str, list[Record]]:
    """The seed company's servers and what stands on what, as the Table API has them."""
    found = {}
    for table in ("cmdb_ci_server", "cmdb_rel_ci"):
        document = json.loads((SEED / "servicenow" / f"{table}.json").read_text("utf-8"))
        found[table] = document["result"]
    return found


def sample_netbox() -> dict[str, list[Record]]:
    """The seed company's racks, devices and cables, as NetBox lists them; one site changed last."""
    names = {
        "sites": ("dcim/sites", ["sites"]),
        "racks": ("dcim/racks", ["racks"]),
        "devices": ("dcim/devices", ["devices-1", "devices-2"]),
        "cables": ("dcim/cables", ["cables"]),
        "feeds": ("dcim/power-feeds", ["power-feeds"]),
    }
    found: dict[str, list[Record]] = {}
    for endpoint, files in names.values():
        found[endpoint] = []
        for file in files:
            document = json.loads((SEED / "netbox" / f"{file}.json").read_text("utf-8"))
            found[endpoint] += document["results"]
        for each in found[endpoint]:
            each["last_updated"] = "2026-01-10T08:00:00Z"
    found["dcim/sites"][0]["last_updated"] = "2026-02-01T00:00:00Z"
    return found


def sample_backstage() -> list[Record]:
    """The seed company's catalogue."""
    found: list[Record] = json.loads((SEED / "backstage" / "entities.json").read_text("utf-8"))
    return found
