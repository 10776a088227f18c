"""Examples of bodies and answers in the OpenAPI description; a test holds them to their schemas."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

TYPE_PREVIEWS: dict[str, Example] = {
    "no failure": {
        "summary": "If failure travelled along these relationships no more",
        "value": {"failure_direction": "none"},
    }
}
IMPACT_QUESTIONS: dict[str, Example] = {
    "by name": {"summary": "One CI, by its name", "value": {"failed": ["db-orders-01"]}},
    "in other ways": {
        "summary": "Several CIs: by name and class, by our id, by the key of a source",
        "value": {
            "failed": [
                {"name": "db-orders-01", "ci_class": "database"},
                {"id": 42},
                {"source": "netbox", "key": "dcim.device:17"},
            ],
            "urgency": "medium",
            "limit": 50,
        },
    },
    "why": {
        "summary": "The facts in full, and the path of a CI that is no service",
        "value": {"failed": ["api-1", "api-2"], "explain": "all", "why": ["orders-api"]},
    },
    "what if": {
        "summary": "What another failure and a new standby would change",
        "value": {
            "failed": ["db-orders-01"],
            "what_if": {
                "fail": ["api-1"],
                "add_relationships": [
                    {
                        "dependent": "orders-api",
                        "provider": "db-orders-02",
                        "redundancy_group": "db",
                        "min_up": 1,
                    }
                ],
            },
        },
    },
}
IMPACT_ANSWER: dict[str, Any] = {
    "failed": [{"id": 42, "name": "db-orders-01", "ci_class": "database"}],
    "services": [
        {
            "id": 7,
            "name": "Checkout",
            "ci_class": "business_service",
            "state": "down",
            "criticality": 1,
            "owner": "Payments",
            "support_group": "payments-oncall",
            "distance": 2,
            "path": [
                {
                    "id": 42,
                    "name": "db-orders-01",
                    "ci_class": "database",
                    "state": "down",
                    "because": {"kind": "failed"},
                },
                {
                    "id": 31,
                    "name": "orders-api",
                    "ci_class": "application",
                    "state": "down",
                    "because": {
                        "kind": "required",
                        "relationship_type": "depends_on",
                        "provider": 42,
                    },
                },
                {
                    "id": 7,
                    "name": "Checkout",
                    "ci_class": "business_service",
                    "state": "down",
                    "because": {
                        "kind": "redundancy",
                        "group": "api",
                        "members": 3,
                        "up": 1,
                        "min_up": 2,
                    },
                },
            ],
        }
    ],
    "configuration_items": [
        {
            "id": 31,
            "name": "orders-api",
            "ci_class": "application",
            "state": "down",
            "distance": 1,
        },
        {
            "id": 7,
            "name": "Checkout",
            "ci_class": "business_service",
            "state": "down",
            "distance": 2,
        },
    ],
    "counts": {"down": 2, "degraded": 0, "at_risk": 0, "services": 1},
    "priority": {
        "impact": "high",
        "urgency": "high",
        "priority": 1,
        "label": "Critical",
        "reason": "Checkout (criticality 1) is down",
    },
    "contacts": [
        {"support_group": "payments-oncall", "owner": "Payments", "services": ["Checkout"]}
    ],
    "truncated": False,
    "graph_version": 1234,
    "took_ms": 0.8,
}
STATE_REPORTS: dict[str, Example] = {
    "one": {
        "summary": "A CI is down; the report counts for ten minutes unless it is said again",
        "value": {
            "ci": "db-orders-01",
            "state": "down",
            "source": "prometheus",
            "expires_in": 600,
            "message": "no answer on port 5432",
        },
    },
    "several": {
        "summary": "Several CIs, all or none",
        "value": [
            {"ci": {"id": 42}, "state": "up", "source": "prometheus"},
            {"ci": {"name": "Checkout", "ci_class": "business_service"}, "state": "degraded"},
        ],
    },
}
SUSPECTS_QUESTIONS: dict[str, Example] = {
    "symptoms and what works": {
        "summary": "Two services that suffer, one that works",
        "value": {"symptoms": ["Checkout", "Search"], "healthy": ["Login"]},
    },
    "states": {
        "summary": "With states, and changes of the last two hours",
        "value": {
            "symptoms": [
                {"ci": "Checkout", "state": "down"},
                {"ci": {"id": 9}, "state": "degraded"},
            ],
            "window_hours": 2,
            "limit": 5,
        },
    },
}
SUSPECTS_ANSWER: dict[str, Any] = {
    "suspects": [
        {
            "id": 42,
            "name": "db-orders-01",
            "ci_class": "database",
            "score": 0.93,
            "explains": ["Checkout"],
            "misses": ["Search"],
            "contradicts": [],
            "unreported": 0,
            "recent_changes": [
                {
                    "number": "CHG-0007",
                    "title": "New parameters of the orders database",
                    "when": "2026-03-04T09:40:00Z",
                }
            ],
            "past_incidents": 3,
            "path": [],
            "paths": [],
        }
    ],
    "pairs": [],
    "check_next": [
        {
            "id": 31,
            "name": "orders-api",
            "ci_class": "application",
            "gain": 0.4,
            "if_affected": ["db-orders-01"],
            "if_fine": ["Checkout"],
        }
    ],
    "candidates": 61,
    "truncated": False,
    "graph_version": 1234,
    "took_ms": 4.1,
}
SUGGESTION_QUESTIONS: dict[str, Example] = {
    "words and a CI": {
        "summary": "What is seen, and a CI that is known to suffer",
        "value": {
            "text": "checkout returns 502, pool exhausted on orders db",
            "cis": ["db-orders-01"],
            "limit": 5,
        },
    },
    "words alone": {
        "summary": "Known errors only",
        "value": {"text": "FATAL: no more connections allowed", "kinds": ["known_error"]},
    },
}
SUGGESTION_ANSWER: dict[str, Any] = {
    "verdict": "match",
    "confidence": 0.87,
    "suggestions": [
        {
            "rank": 1,
            "kind": "known_error",
            "id": "KE-0012",
            "title": "Orders database out of connections after a deployment",
            "workaround": "Restart pgbouncer-orders, one process after the other.",
            "fix": "Return connections before the payment call.",
            "excerpt": "checkout gives 502 once the pool is exhausted",
            "highlights": [(28, 32), (36, 45)],
            "why": 'Similar in meaning, with the words "pool" and "exhausted", on the same'
            " database, db-orders-01, last seen 3 weeks ago; restarting pgbouncer-orders helped"
            " 6 times and failed once.",
            "score": 0.81,
            "confidence": 0.87,
            "evidence": {
                "semantic": 0.71,
                "lexical": 0.64,
                "graph": 0.9,
                "track_record": 0.8,
                "matched_terms": ["pool", "exhausted"],
                "nearest_ci": {"name": "db-orders-01", "hops": 0},
                "solved": 6,
                "not_helped": 1,
                "last_used": "2026-03-04T10:00:00Z",
                "last_seen": "2026-03-04T09:12:00Z",
                "caveats": [],
            },
            "incidents": ["INC-0042", "INC-0107"],
        }
    ],
    "duplicates": [
        {
            "number": "INC-0214",
            "title": "[FIRING:1] OrdersPoolExhausted orders-api",
            "opened_at": "2026-03-25T08:02:00Z",
            "confidence": 0.93,
            "because": {"alike": 0.88, "graph": 0.7, "minutes": 6.0},
        }
    ],
    "duplicate_of": "INC-0214",
    "notices": [],
    "took_ms": 18.0,
}
IMPORT_REPORT: dict[str, Any] = {
    "id": 9,
    "state": "done",
    "source": "netbox",
    "format": "native_csv",
    "recognised": [
        {
            "file": "servers.csv",
            "format": "native_csv",
            "why": "its header has name and ci_class",
        }
    ],
    "mapping": None,
    "dry_run": False,
    "configuration_items": {
        "created": 10,
        "updated": 3,
        "unchanged": 400,
        "retired": 0,
        "rejected": 1,
    },
    "relationships": {
        "created": 51,
        "updated": 0,
        "unchanged": 900,
        "retired": 0,
        "rejected": 0,
    },
    "problems": [
        {
            "severity": "error",
            "file": "servers.csv",
            "row": 17,
            "column": "ip_address",
            "value": "10.0.0.300",
            "code": "invalid_ip_address",
            "message": "'10.0.0.300' is not an IP address",
            "hint": "each part is 0 to 255, without leading zeros",
            "kind": "configuration_item",
        }
    ],
    "problem_counts": {"error": 1},
    "took_ms": 412.0,
}


def answer(example: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of an answer beside its schema: an example."""
    return {"content": {"application/json": {"example": example}}}
