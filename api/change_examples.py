"""Examples of questions about changes in the OpenAPI description."""

from __future__ import annotations

from fastapi.openapi.models import Example

ASSESSMENT_QUESTIONS: dict[str, Example] = {
    "recorded": {
        "summary": "A recorded change, with all that overlap it",
        "value": {"changes": ["CHG-0042"]},
    },
    "a draft": {
        "summary": "A change that is only thought of",
        "value": {
            "drafts": [
                {
                    "title": "Firmware of db-orders-02",
                    "cis": ["db-orders-02"],
                    "planned_start": "2026-12-01T22:00:00Z",
                    "planned_end": "2026-12-02T00:00:00Z",
                }
            ]
        },
    },
    "a window": {
        "summary": "Everything that is planned in a week",
        "value": {"from": "2026-12-01T00:00:00Z", "to": "2026-12-08T00:00:00Z"},
    },
}
