"""A walk over every route on both databases: each answers with the status and shape described."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI

from api.app import API
from opsatlas.settings import Settings
from tests.api.asking import Asker, InProcess
from tests.api.company import CIS, NEEDS


class Walk:
    """Asks, compares each answer with the description, and remembers what was asked."""

    def __init__(self, asker: Asker) -> None:
        transport = asker.http._transport
        assert isinstance(transport, InProcess)
        app: FastAPI = transport.app
        self.asker = asker
        self.document = json.loads(json.dumps(app.openapi()))
        self.seen: set[tuple[str, str]] = set()

    def __call__(
        self, method: str, template: str, status: int, *, values: Any = (), **options: Any
    ) -> Any:
        """Ask `template` with `values` in its braces; the JSON of the answer, if it is that."""
        path = template
        for value in values:
            start, end = path.index("{"), path.index("}")
            path = f"{path[:start]}{value}{path[end + 1 :]}"
        query = options.pop("query", "")
        answer = self.asker.request(method, path + query, **options)
        self.check(method, API + template, status, answer)
        is_json = answer.headers.get("content-type") == "application/json"
        return answer.json() if is_json and answer.content else None

    def free(self, path: str) -> None:
        """Ask one of the routes that want no key."""
        self.check("GET", path, 200, self.asker.http.get(path))

    def upload(self, path: str, name: str, content: str, status: int = 200, **fields: str) -> Any:
        """Send a file."""
        answer = self.asker.upload(path, (name, content), **fields)
        self.check("POST", API + path, status, answer)
        return answer.json()

    def check(self, method: str, path: str, status: int, answer: httpx.Response) -> None:
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:500])
        operation = self.document["paths"][path][method.lower()]
        response = operation["responses"][str(status)]
        self.seen.add((method, path))
        if "content" not in response:
            assert not answer.content
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in response["content"], (method, path, media_type)
        if media_type != "application/json":
            return
        schema = response["content"]["application/json"]["schema"]
        whole = {**schema, "components": self.document["components"]}
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(answer.json())
        for header in response.get("headers", {}):
            if header != "Location" or not isinstance(answer.json(), list):
                assert header in answer.headers, (method, path, header)


@pytest.fixture
def any_settings(any_settings: Settings) -> Settings:
    """Settings with a source that could be pulled."""
    sources = {"netbox": {"kind": "netbox", "url": "https://netbox.example", "schedule": "1h"}}
    return any_settings.model_copy(update={"sync_sources": json.dumps(sources)})


def test_every_route_answers_as_it_is_described(any_api: Asker) -> None:
    walk = Walk(any_api)
    for path in ("/healthz", "/readyz", "/version"):
        walk.free(path)
    _inventory(walk)
    _records(walk)
    _questions(walk)
    _live_state(walk)
    _administration(walk)
    described = {
        (method.upper(), path) for path, item in walk.document["paths"].items() for method in item
    }
    assert walk.seen == described


def _inventory(walk: Walk) -> None:
    walk("POST", "/sources", 201, json={"name": "walk", "description": "a test"})
    walk.upload("/imports", "cis.csv", CIS, source="walk")
    run = walk.upload("/imports", "needs.csv", NEEDS, source="walk")["id"]
    walk("GET", "/imports", 200)
    walk("GET", "/imports/{id}", 200, values=[run])
    _decisions(walk)
    walk("GET", "/sources", 200)
    walk("GET", "/sources/{name}", 200, values=["walk"])
    walk("PATCH", "/sources/{name}", 200, values=["walk"], json={"description": "b"})
    walk("GET", "/export", 200)
    walk("GET", "/formats", 200)
    walk("GET", "/formats/{name}", 200, values=["servicenow"])
    walk.upload("/formats/proposal", "a.csv", "Hostname;Serial No.\nhv-1;CZC1234\n")

    made = walk("POST", "/cis", 201, json={"name": "new", "ci_class": "server", "key": "n-1"})
    walk("POST", "/cis", 201, json=[{"name": "other", "ci_class": "server"}])
    walk("GET", "/cis", 200, query="?limit=2")
    walk("GET", "/cis", 200, query="?fields=name")
    walk("GET", "/cis/{id}", 200, values=[made["id"]])
    walk("PATCH", "/cis/{id}", 200, values=[made["id"]], json={"attributes": {"a": [1, None]}})
    walk("GET", "/cis/{id}/history", 200, values=[made["id"]])
    walk("GET", "/cis/{id}/neighbours", 200, values=[2], query="?hops=2")
    walk("GET", "/cis/{id}/view", 200, values=[1])

    need = {"dependent": "new", "provider": {"source": "walk", "key": "db1"}}
    edge = walk("POST", "/relationships", 201, json=need)
    group = {"dependent": "other", "redundancy_group": "g", "min_up": "50%"}
    both = [{**group, "provider": f"db-{number}"} for number in (1, 2)]
    walk("POST", "/relationships", 201, json=both)
    walk("GET", "/relationships", 200)
    walk("GET", "/relationships/{id}", 200, values=[edge["id"]])
    walk("PATCH", "/relationships/{id}", 200, values=[edge["id"]], json={"dependency": "optional"})
    walk("GET", "/relationships/{id}/history", 200, values=[edge["id"]])
    walk("DELETE", "/relationships/{id}", 204, values=[edge["id"]])
    walk("DELETE", "/cis/{id}", 204, values=[made["id"]])
    _merging(walk)

    walk("POST", "/ci-classes", 201, json={"name": "blade", "parent": "server"})
    walk("GET", "/ci-classes", 200)
    walk("GET", "/ci-classes/{name}", 200, values=["blade"])
    walk("PATCH", "/ci-classes/{name}", 200, values=["blade"], json={"label": "Blade server"})
    walk("DELETE", "/ci-classes/{name}", 204, values=["blade"])
    kind = {"name": "cools", "failure_direction": "provider_to_dependent"}
    walk("POST", "/relationship-types", 201, json=kind)
    walk("GET", "/relationship-types", 200)
    walk("GET", "/relationship-types/{name}", 200, values=["cools"])
    walk("PATCH", "/relationship-types/{name}", 200, values=["cools"], json={"label": "Cools"})
    carries = {"failure_direction": "provider_to_dependent"}
    walk("POST", "/relationship-types/{name}/preview", 200, values=["cools"], json=carries)
    walk("DELETE", "/relationship-types/{name}", 204, values=["cools"])


def _decisions(walk: Walk) -> None:
    """What loads ask a person, and what a person may take back."""
    head = "key,name,ci_class,serial_number,fqdn\n"
    two = f"{head}1,one,server,AAAA1111,\n2,two,server,,two.example.org\n"
    walk.upload("/imports", "two.csv", two, source="first")
    both = f"{head}8,x,server,AAAA1111,two.example.org\n9,y,server,AAAA1111,two.example.org\n"
    run = walk.upload("/imports", "both.csv", both, source="second")["id"]
    first, second = walk("GET", "/reviews", 200, query="?state=open&ordering=id")["results"]
    walk("GET", "/reviews/{id}", 200, values=[first["id"]])
    ci = first["candidates"][0]["ci"]
    walk("POST", "/reviews/{id}/merge", 200, values=[first["id"]], json={"ci": ci})
    walk("POST", "/reviews/{id}/keep-apart", 200, values=[second["id"]])
    walk("PATCH", "/cis/{id}", 200, values=[ci], json={"owner": "by hand"})
    walk("GET", "/cis/{id}/provenance", 200, values=[ci])
    walk("POST", "/cis/{id}/release", 200, values=[ci], json={"fields": ["owner"]})
    order = {"sources": ["second", "first"]}
    walk("PUT", "/precedence/{attribute}", 200, values=["attributes.rack"], json=order)
    walk("GET", "/precedence", 200)
    walk("GET", "/identification", 200)
    walk("POST", "/imports/{id}/undo", 200, values=[run], query="?dry_run=true")
    walk("POST", "/imports/{id}/undo", 200, values=[run])


def _merging(walk: Walk) -> None:
    twins = [{"name": name, "ci_class": "queue"} for name in ("twin-a1", "twin a 01")]
    ids = [ci["id"] for ci in walk("POST", "/cis", 201, json=twins)]
    walk("GET", "/duplicates", 200)
    decided = walk("POST", "/duplicates/keep-apart", 200, json={"cis": ids})
    walk("GET", "/duplicates/keep-apart", 200)
    walk("DELETE", "/duplicates/keep-apart/{id}", 204, values=[decided["id"]])
    merge = walk("POST", "/cis/{id}/merge", 200, values=ids[:1], json={"into": ids[1]})
    walk("GET", "/merges", 200)
    walk("GET", "/merges/{id}", 200, values=[merge["id"]])
    walk("POST", "/merges/{id}/undo", 200, values=[merge["id"]])


def _records(walk: Walk) -> None:
    problem = {"title": "Pool exhausted", "workaround": "restart it", "cis": ["db-1"]}
    records: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "/known-errors": (problem | {"number": "KE-0001"}, {"fix": "return connections"}),
        "/incidents": (
            {"title": "Checkout 502", "cis": [{"id": 3}], "known_error": "KE-0001"}
            | {"impact": "high", "urgency": "high", "opened_at": "2026-03-04T10:00:00+01:00"},
            {"status": "closed", "resolution_code": "fixed"},
        ),
        "/articles": ({"title": "Restart the pool", "tags": ["pg"]}, {"known_errors": ["KE-0001"]}),
        "/changes": ({"title": "New pool size", "cis": ["db-1"]}, {"status": "closed"}),
    }
    for path, (new, patch) in records.items():
        number = walk("POST", path, 201, json=new)["number"]
        more = walk("POST", path, 201, json=[{"title": "x"}, {"title": "y"}])
        walk("GET", path, 200, query="?ordering=-created_at")
        walk("GET", f"{path}/{{number}}", 200, values=[number])
        walk("PATCH", f"{path}/{{number}}", 200, values=[number], json=patch)
        walk("DELETE", f"{path}/{{number}}", 204, values=[more[0]["number"]])
        name, content = "records.jsonl", '{"title": "from a file"}\n'
        if path == "/articles":
            name, content = "a.md", "---\ntitle: from a file\n---\nbody\n"
        report = walk.upload(f"{path}/imports", name, content)
        assert report["state"] == "done", report
        walk.upload(f"{path}/imports", name, "[", partial="true")


def _questions(walk: Walk) -> None:
    walk("POST", "/impact", 200, json={"failed": ["db-1", {"id": 4}], "urgency": "low"})
    walk("GET", "/impact", 200, query="?failed=db-1&failed=db-2&limit=1")
    seen = [{"ci": "Checkout", "state": "down"}, "orders-api"]
    walk("POST", "/suspects", 200, json={"symptoms": seen, "healthy": ["db-3"]})
    walk("GET", "/impact", 200, query="?failed=db-1&failed=db-2&explain=all&why=orders-api")
    need = {"dependent": "orders-api", "provider": "db-1", "redundancy_group": "dbs", "min_up": 1}
    supposed = {"fail": ["db-1", "db-2"], "add_relationships": [need]}
    walk("POST", "/impact", 200, json={"what_if": supposed})
    times = {"planned_start": "2150-01-01T00:00:00Z", "planned_end": "2150-01-02T00:00:00Z"}
    drafts = [{"cis": [f"db-{number}"], **times} for number in (1, 2)]
    assessed = walk("POST", "/changes/assess", 200, json={"drafts": drafts})
    assert assessed["conflicts"][0]["changes"] == ["draft-1", "draft-2"]
    walk("GET", "/weak-points", 200, query="?kind=single_point&service=Checkout&limit=1")
    asked = {"text": "checkout 502, pool exhausted", "cis": ["db-1"]}
    answer = walk("POST", "/suggestions", 200, json=asked)
    assert answer["suggestions"][0]["id"] == "KE-0001"
    again = [{"title": "Label printer silent", "description": "zebra spooler stuck"}] * 3
    walk("POST", "/incidents", 201, json=again)
    walk("GET", "/incidents/groups", 200, query="?members=1")
    candidates = walk("GET", "/problems/candidates", 200, query="?min_incidents=3&limit=1")
    assert candidates["results"][0]["count"] == 3
    said = {"suggestion": "KE-0001", "incident": "INC-0001", "outcome": "resolved"}
    walk("POST", "/feedback", 200, json=said)
    walk.upload("/feedback/imports", "feedback.jsonl", json.dumps(said))


def _live_state(walk: Walk) -> None:
    said = {"ci": "db-1", "state": "down", "source": "walk", "expires_in": 600}
    state = walk("POST", "/states", 200, json=said)
    walk("POST", "/states", 200, json=[{"ci": "orders-api", "state": "degraded"}])
    walk("GET", "/states", 200, query="?state=down&expired=false")
    (degraded,) = walk("GET", "/services", 200, query="?state=degraded")["results"]
    assert degraded["name"] == "Checkout"
    walk("DELETE", "/states/{id}", 204, values=[state["id"]])
    times = {"starts_at": "2100-01-01T00:00:00Z", "ends_at": "2100-01-02T00:00:00Z"}
    made = walk("POST", "/maintenance-windows", 201, json={"cis": ["db-1"], "reason": "x", **times})
    walk("GET", "/maintenance-windows", 200)
    walk("GET", "/maintenance-windows/{id}", 200, values=[made["id"]])
    walk("DELETE", "/maintenance-windows/{id}", 204, values=[made["id"]])
    walk("GET", "/events", 200, query="?after=0&follow=false")


def _administration(walk: Walk) -> None:
    walk("GET", "/cmdb-health", 200)
    walk("GET", "/cmdb-health/findings", 200, query="?limit=2")
    walk("POST", "/cmdb-health/record", 200)
    walk("GET", "/cmdb-health/trend", 200)
    walk("GET", "/diff", 200, query="?ci=db-1&from=2026-01-01T00:00:00Z")
    sync = walk("POST", "/syncs/{name}/run", 202, values=["netbox"], query="?full=true")
    walk("GET", "/syncs/{name}/runs/{id}", 200, values=["netbox", sync["id"]])
    walk("GET", "/syncs/{name}", 200, values=["netbox"])
    walk("GET", "/syncs", 200)
    key = walk("POST", "/keys", 201, json={"name": "walk", "role": "reader"})
    walk("GET", "/keys", 200)
    walk("GET", "/keys/{id}", 200, values=[key["id"]])
    walk("DELETE", "/keys/{id}", 204, values=[key["id"]])
    entries = walk("GET", "/audit", 200, query="?entity=incident&action=create")
    walk("GET", "/audit/{id}", 200, values=[entries["results"][0]["id"]])
    walk("GET", "/embedding", 200)
    jobs = walk("GET", "/jobs", 200, query="?kind=search.encode")
    walk("GET", "/jobs/{id}", 200, values=[jobs["results"][0]["id"]])
