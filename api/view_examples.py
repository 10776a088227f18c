"""An example of a view in the OpenAPI description; a test holds it to its schema."""

from __future__ import annotations

from typing import Any

VIEW: dict[str, Any] = {
    "ci": {"id": 7, "name": "Checkout", "ci_class": "business_service"},
    "direction": "providers",
    "nodes": [
        {
            "id": 7,
            "name": "Checkout",
            "ci_class": "business_service",
            "criticality": 1,
            "state": "at_risk",
            "distance": 0,
            "below": None,
            "beyond": 0,
        }
    ],
    "folded": [
        {
            "id": "fold-1",
            "ci_class": "container",
            "count": 37,
            "kind": "children",
            "below": 7,
            "distance": 1,
            "states": {"down": 2},
            "criticalities": {},
        }
    ],
    "edges": [
        {
            "dependent": 7,
            "provider": "fold-1",
            "relationship_id": None,
            "type": None,
            "kind": "redundancy",
            "group": "workers",
            "members": 37,
            "min_up": 20,
            "count": 37,
        }
    ],
    "counts": {
        "configuration_items": 38,
        "relationships": 37,
        "by_class": {"container": 37, "business_service": 1},
        "by_state": {"down": 2, "at_risk": 1},
    },
    "truncated": False,
    "as_of": None,
    "graph_version": 1234,
    "took_ms": 1.2,
}
