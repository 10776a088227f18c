"""When a collection is saved: after it was built, and after much has changed, in the background."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.saved_files import SavedParts
from search.saved_index import SavedIndexes
from search.spaces import Space

CHANGED_SHARE = 0.01
"""Share of the documents that must have changed: so many are brought in at the next start in about
a second (100,000 documents)."""
_LEAST_CHANGED = 200
_LEAST_SECONDS = 60.0
"""Between two savings, however much changes."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A collection as it was at a revision, begun to be written to `folder`."""

    parts: SavedParts
    folder: Path
    space: Space
    revision: int


class Saver:
    """Counts what changes, and saves when it is time. Calls must take turns."""

    def __init__(self, saved: SavedIndexes, take: Callable[[], Taken | None]) -> None:
        """`take` waits for a moment at which nobody writes; None where there is nothing to save."""
        self._saved = saved
        self._take = take
        self._changed = 0
        self._unsaved = False
        self._at = 0.0
        self._thread: threading.Thread | None = None

    def built(self) -> None:
        """A collection was built anew: it is worth a file as soon as its indexes are."""
        self._unsaved = True
        self._start()

    def changed(self, documents: int, of: int) -> None:
        """So many documents `of` all were brought in."""
        self._changed += documents
        much = self._unsaved or self._changed >= max(_LEAST_CHANGED, CHANGED_SHARE * of)
        if much and time.monotonic() - self._at >= _LEAST_SECONDS:
            self._start()

    def end(self) -> None:
        """Save for the next start, where much has changed or nothing was saved yet."""
        if self._thread is not None:
            self._thread.join()
        if self._unsaved or self._changed >= _LEAST_CHANGED:
            self._save()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._at = time.monotonic()
            self._thread = threading.Thread(target=self._save, name="search-save")
            self._thread.start()

    def _save(self) -> None:
        taken = self._take()
        if taken is not None:
            self._unsaved, self._changed = False, 0
            self._saved.save(taken.parts, taken.folder, taken.space, taken.revision)
