"""Keys that were verified, kept until the database changes one: no look-up for every request."""

from __future__ import annotations

import threading
from datetime import datetime

from sqlalchemy.orm import Session

from api.keys import REVISED, VerifiedKey
from opsatlas import revision

_KEPT = 10_000


class KnownKeys:
    """In step by revision: revoking a key is a change like any other, so a revoked key is refused
    at the next request, in every process. Any number of threads may ask."""

    def __init__(self) -> None:
        self._held: tuple[int, dict[bytes, VerifiedKey]] = (-1, {})
        self._moving = threading.Lock()

    def get(self, digest: bytes, newest: int, moment: datetime) -> VerifiedKey | None:
        """Whose key it is, where that was verified at revision `newest` or nothing changed since.

        None where it has to be looked up (again).
        """
        at, known = self._held
        found = known.get(digest) if at == newest else None
        return found if found is not None and moment < found.good_until else None

    def keep(self, session: Session, digest: bytes, found: VerifiedKey) -> None:
        """Keep a key that was verified in `session`."""
        newest = revision.newest(session)
        with self._moving:
            at, known = self._held
            if at != newest:
                changes = revision.changed_since(session, at, (REVISED,))
                same = changes is not None and not changes.ids[REVISED]
                known = known if same else {}
            if len(known) < _KEPT:
                known[digest] = found
            self._held = (newest, known)
