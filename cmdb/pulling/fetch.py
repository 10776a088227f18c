"""The careful HTTP client: patient with a system that is busy, and sure of whom it talks to.

What may pass is tried again: no connection, an answer that was cut off, 429 and 503 (after what
`Retry-After` says), other errors of the server. A token goes to the one address of the settings:
redirects to other hosts are refused, and TLS is always verified.
"""

import json
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from cmdb.pulling.protocol import (
    IncompleteAnswerError,
    Record,
    SourceRefusedError,
    SourceUnavailableError,
)
from opsatlas.clock import now
from opsatlas.settings import MEBIBYTE, Settings

Pause = Callable[[float], None]
"""Waits so many seconds; raises where there is no time for that."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_REDIRECTS = 5
_SLOWEST = 10
"""Times the timeout that one answer may take in all, however steadily it drips."""
_REFUSED = {
    400: "it does not understand what is asked; is the kind of the source right?",
    401: "the token, or the user, is wrong or no longer valid",
    403: "the token, or the user, may not read this",
    404: "there is nothing at this address; is the url that of the API's server?",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear with a system."""

    tries: int = 6
    first_pause: float = 1.0
    """Seconds before the second try; doubled with each."""
    longest_pause: float = 300.0
    """Seconds that one try waits at most. A system that says "later than that" ends the run."""
    timeout: float = 60.0
    """Seconds without a byte."""
    max_bytes: int = 64 * MEBIBYTE
    """Largest answer, unpacked."""

    @classmethod
    def of(cls, settings: Settings) -> "Patience":
        """As the settings say it."""
        return cls(
            tries=settings.sync_max_tries,
            first_pause=settings.sync_retry_pause,
            longest_pause=settings.sync_max_pause,
            timeout=settings.sync_timeout,
            max_bytes=settings.sync_max_page_bytes,
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that is whole."""

    document: Any
    records: list[Record]
    content: bytes
    has_next_link: bool
    at: datetime


class _TryAgainError(Exception):
    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Fetcher:
    """Asks one system. Close it, or use it as a context."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        patience: Patience,
        *,
        ca_file: str = "",
        pause: Pause = time.sleep,
    ) -> None:
        """Raises SourceRefusedError where `ca_file` cannot be used."""
        self._base = httpx.URL(url.rstrip("/"))
        self._patience = patience
        self._pause = pause
        self._http = httpx.Client(
            headers=headers | {"Accept": "application/json", "User-Agent": "opsatlas"},
            timeout=patience.timeout,
            verify=_trusting(ca_file),
            follow_redirects=False,
        )

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def get(
        self, path: str, parameters: dict[str, str], records: Callable[[Any], list[Record]]
    ) -> Fetched:
        """The answer at `path`, in which `records` found what it looked for.

        Raises SourceUnavailableError after the last try, SourceRefusedError where another try
        would be for nothing.
        """
        for tried in range(1, self._patience.tries + 1):
            try:
                return self._once(path, parameters, records)
            except _TryAgainError as failure:
                self._bear(path, failure, tried)
        raise AssertionError("the last try raises")

    def _bear(self, path: str, failure: _TryAgainError, tried: int) -> None:
        """Wait before the next try. Raises SourceUnavailableError where there is none."""
        longest = self._patience.longest_pause
        seconds = min(self._patience.first_pause * 2 ** (tried - 1), longest)
        seconds *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        if failure.after is not None:
            seconds = failure.after
        if tried == self._patience.tries or seconds > longest:
            later = f"; it asks to wait {seconds:.0f} s" if seconds > longest else ""
            raise SourceUnavailableError(
                f"{self._place(path)}: {failure} (tried {tried} times){later}",
                hint="what was read is kept; the next run goes on from there",
            )
        self._pause(seconds)

    def _once(
        self, path: str, parameters: dict[str, str], records: Callable[[Any], list[Record]]
    ) -> Fetched:
        address = self._base.copy_with(path=self._base.path.rstrip("/") + path, params=parameters)
        try:
            for _ in range(_MOST_REDIRECTS):
                with self._http.stream("GET", address) as response:
                    if response.has_redirect_location:
                        address = self._elsewhere(path, address, response.headers["location"])
                        continue
                    return self._whole(path, response, records)
        except httpx.RequestError as error:
            if _is_distrust(error):
                raise SourceRefusedError(
                    f"{self._place(path)}: its certificate is not to be trusted: {error}",
                    hint="a certificate of your own authority is trusted with `ca_file`",
                ) from error
            raise _TryAgainError(str(error) or type(error).__name__) from error
        raise SourceRefusedError(f"{self._place(path)}: it sends us on again and again")

    def _whole(
        self, path: str, response: httpx.Response, records: Callable[[Any], list[Record]]
    ) -> Fetched:
        status = response.status_code
        if status in _PASSING:
            raise _TryAgainError(f"it answered {status}", retry_after(response.headers, now()))
        if status != httpx.codes.OK:
            hint = _REFUSED.get(status)
            raise SourceRefusedError(
                f"{self._place(path)}: it answered {status}", hint=hint, status=status
            )
        content = self._body(path, response)
        try:
            document = json.loads(content)
            found = records(document)
        except (ValueError, RecursionError) as error:
            raise _TryAgainError(f"its answer is no whole JSON: {_cause(error)}") from error
        except IncompleteAnswerError as error:
            raise _TryAgainError(str(error)) from error
        return Fetched(
            document,
            found,
            content,
            "next" in response.links,
            _moment(response.headers.get("date")) or now(),
        )

    def _body(self, path: str, response: httpx.Response) -> bytes:
        read, end = bytearray(), time.monotonic() + self._patience.timeout * _SLOWEST
        for chunk in response.iter_bytes():
            read += chunk
            if len(read) > self._patience.max_bytes:
                raise SourceRefusedError(
                    f"{self._place(path)}: an answer is above {self._patience.max_bytes:,} bytes",
                    hint="a smaller `page_size`, or OPSATLAS_SYNC_MAX_PAGE_BYTES",
                )
            if time.monotonic() > end:
                raise _TryAgainError("its answer came too slowly")
        return bytes(read)

    def _elsewhere(self, path: str, here: httpx.URL, location: str) -> httpx.URL:
        """Where a redirect leads, on the same host."""
        try:
            there = here.join(location)
        except httpx.InvalidURL:
            there = None
        if there is None or _origin(there) != _origin(self._base):
            host = "an address that is none" if there is None else there.host
            raise SourceRefusedError(
                f"{self._place(path)}: it sends us on to {host}, where its token must not go",
                hint="set `url` to the address that answers itself",
            )
        return there

    def _place(self, path: str) -> str:
        return f"{self._base}{path}"


def retry_after(headers: httpx.Headers, moment: datetime) -> float | None:
    """Seconds to wait that an answer asks for, as a number or as a time; None where it does not."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    until = _moment(said)
    return None if until is None else max(0.0, (until - moment).total_seconds())


def _moment(said: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(said or "")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _trusting(ca_file: str) -> ssl.SSLContext | bool:
    if not ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SourceRefusedError(
            f"the ca_file {ca_file} cannot be used: {getattr(error, 'strerror', None) or error}"
        ) from error


def _is_distrust(error: BaseException | None) -> bool:
    """Whether it began with a certificate."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    usual = {"http": 80, "https": 443}
    return address.scheme, address.host.lower(), address.port or usual.get(address.scheme)


def _cause(error: Exception) -> str:
    """What is wrong with a JSON text, without a word of it."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (character {error.pos})"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else type(error).__name__
