"""CIs that a text names literally."""

import re
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem, LifecycleStatus
from cmdb.names import fold

_WORD = re.compile(r"[\w.:/-]*\w", re.ASCII)
_MAX_WORDS = 400
"""Words of a text that are looked at: names stand at its beginning or nowhere."""
_LONGEST_NAME = 3  # words


def mentioned_cis(session: Session, text: str) -> list[int]:
    """Ids of the CIs whose whole name stands in `text`; a name that fits several CIs is none."""
    names = candidate_names(text)
    rows = session.execute(
        select(ConfigurationItem.id, ConfigurationItem.folded_name).where(
            ConfigurationItem.folded_name.in_(names),
            ConfigurationItem.status != LifecycleStatus.RETIRED,
        )
    )
    by_name: dict[str, list[int]] = {}
    for row in rows:
        by_name.setdefault(row.folded_name, []).append(row.id)
    return sorted(ids[0] for ids in by_name.values() if len(ids) == 1)


def candidate_names(text: str) -> list[str]:
    """What in `text` could be a name: its words, and runs of two and three of them, folded."""
    words = [fold(match[0]) for match in islice(_WORD.finditer(text), _MAX_WORDS)]
    return list(
        dict.fromkeys(
            " ".join(words[start : start + length])
            for length in range(1, _LONGEST_NAME + 1)
            for start in range(len(words) - length + 1)
        )
    )
