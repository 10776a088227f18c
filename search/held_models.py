"""The embedding models that a process holds: the one that its settings choose, and, while another
space serves, that one's too."""

import threading
from collections.abc import Callable

from search.spaces import Space
from search.warming import WarmingEmbedder


class HeldModels:
    """One a process; any thread may ask."""

    def __init__(
        self,
        wanted: Space,
        warming: Callable[[Space], WarmingEmbedder],
    ) -> None:
        """`warming` makes the embedder of a space, not started yet."""
        self.wanted_space = wanted
        self.wanted = warming(wanted)
        self._warming = warming
        self._serving = wanted
        self._held = {wanted.model_id: self.wanted}
        self._started = False
        self._lock = threading.Lock()

    @property
    def serving(self) -> WarmingEmbedder:
        """The model of the space that answers come from."""
        return self.of(self._serving)

    def see(self, served: Space | None) -> None:
        """Take note of the space that serves, as the database says; None: no space does yet."""
        self._serving = served or self.wanted_space
        self.of(self._serving)

    def of(self, space: Space) -> WarmingEmbedder:
        """The model of `space`; one that is not held yet begins to load."""
        with self._lock:
            held = self._held.get(space.model_id)
            if held is None:
                held = self._held[space.model_id] = self._warming(space)
                if self._started:
                    held.start()
            return held

    def start(self) -> None:
        """Load what is held, and from now on whatever is asked for, in the background."""
        with self._lock:
            self._started = True
            for held in self._held.values():
                held.start()

    def keep_only(self, *others: str) -> None:
        """Give up the models of all spaces but the wanted, the serving and `others` (model ids)."""
        needed = {self.wanted_space.model_id, self._serving.model_id, *others}
        with self._lock:
            gone = [self._held.pop(model_id) for model_id in self._held.keys() - needed]
        for each in gone:
            each.stop()

    def stop(self) -> None:
        """Give up retrying; what is loaded stays usable."""
        with self._lock:
            self._started = False
            held = list(self._held.values())
        for each in held:
            each.stop()
