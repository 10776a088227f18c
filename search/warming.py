"""An embedder that loads in the background, says how it stands, and tries again after a failure."""

import threading
from collections.abc import Callable, Sequence

from opsatlas.errors import OpsAtlasError
from search.embedder import (
    PACKAGED_DIMENSIONS,
    PACKAGED_MODEL_ID,
    Embedder,
    ModelUnavailableError,
    ModelWarmingUpError,
    Vectors,
)
from search.late_interaction import TokenVectors, encode_passages, encode_question
from search.onnx_embedder import OnnxEmbedder

_WARM_UP_TEXT = "the first call allocates what the following ones reuse"


_LONGEST_LOAD = 20.0
"""Seconds that the end of a process waits for a model that it no longer needs."""


class WarmingEmbedder:
    """The model, there as soon as it can be; until then `encode` says why not."""

    def __init__(
        self,
        load: Callable[[], Embedder] = OnnxEmbedder.load,
        *,
        model_id: str = PACKAGED_MODEL_ID,
        dimensions: int = PACKAGED_DIMENSIONS,
        retry_seconds: float = 30.0,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_ready` is called once, in the loading thread, as soon as the model is there."""
        self.model_id = model_id
        self.dimensions = dimensions
        self._load = load
        self._retry_seconds = retry_seconds
        self._on_ready = on_ready
        self._loaded: Embedder | None = None
        self._error: OpsAtlasError | None = None
        self._settled = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def ready(self) -> bool:
        return self._loaded is not None

    @property
    def error(self) -> OpsAtlasError | None:
        """Why the last try to load failed; None while warming up and once ready."""
        return self._error

    def start(self) -> None:
        """Load in a background thread; returns at once, a second call does nothing."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._warm, name="embedder", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Give up retrying; what is loaded stays usable.

        Waits for a load that is under way: a process that ends amid its native code is aborted.
        """
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_LONGEST_LOAD)

    def wait(self, timeout: float | None = None) -> bool:
        """Start if needed and wait (seconds) until loaded or failed once; whether it is ready."""
        self.start()
        self._settled.wait(timeout)
        return self.ready

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Raises ModelWarmingUpError, or ModelUnavailableError where loading failed."""
        return self._there().encode(texts)

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """Raises as `encode` does."""
        return self._there().encode_questions(texts)

    def encode_passages(self, texts: Sequence[str]) -> tuple[Vectors, list[bytes | None]]:
        """Raises as `encode` does."""
        return encode_passages(self._there(), texts)

    def encode_question(self, text: str) -> tuple[Vectors, TokenVectors | None]:
        """Raises as `encode` does."""
        return encode_question(self._there(), text)

    def _there(self) -> Embedder:
        loaded = self._loaded
        if loaded is not None:
            return loaded
        if self._error is not None:
            raise ModelUnavailableError(self._error.detail, hint=self._error.hint)
        raise ModelWarmingUpError("the embedding model is being loaded", hint="ask again shortly")

    def _warm(self) -> None:
        while not self._stopped.is_set():
            try:
                loaded = self._load()
                loaded.encode([_WARM_UP_TEXT])
            except Exception as error:  # whatever it is, the service goes on without a model
                self._error = (
                    error
                    if isinstance(error, OpsAtlasError)
                    else ModelUnavailableError(f"the embedding model failed to load: {error!r}")
                )
                self._settled.set()
                self._stopped.wait(self._retry_seconds)
            else:
                self._loaded, self._error = loaded, None
                self._settled.set()
                self._on_ready()
                return
