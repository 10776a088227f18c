"""Whether a trouble came back lately: what broke last week is more likely to break again today."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from kb.track_record import decay

HALF_LIFE = timedelta(days=7)
"""Age at which an incident counts half as a recurrence. Ours: a fix is planned, tested and rolled
out within some weeks, and until then the trouble is still there."""


def recency(opened: Iterable[datetime], at: datetime) -> float:
    """How lately, and how often lately, incidents were opened that have one cause, 0 to 1.

    Each counts 0.5 to the power of its age over the half-life; together they count as one or more
    of several independent signs: 1 - Π (1 - each). What was opened after `at` counts nothing.
    """
    quiet = 1.0
    for moment in opened:
        if moment <= at:
            quiet *= 1.0 - decay(at - moment, HALF_LIFE)
    return 1.0 - quiet
