"""Reading the lists of a system, page after page, from where an earlier run stopped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cmdb.pulling.fetch import Fetcher
from cmdb.pulling.protocol import Answer, Ask, Puller, SourceRefusedError, Wanted
from opsatlas.errors import TooLargeError

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what is to be asked after it."""

    list: str
    content: bytes
    following: Ask | None
    records: int
    newest: datetime | None
    """Newest change among its records."""
    at: datetime
    """When it was read, by the clock of the system."""


def pull(
    puller: Puller,
    wanted: Wanted,
    fetcher: Fetcher,
    reached: Mapping[str, Ask | None],
    *,
    max_records: int,
) -> Iterator[Page]:
    """The pages that are still to be read.

    `reached` has, for each list that was begun, what is to be asked next; None where it is whole.
    Raises SourceUnavailableError, SourceRefusedError and, above `max_records`, TooLargeError.
    """
    total = 0
    for begin in puller.first(wanted):
        begun = begin.list in reached
        ask = reached[begin.list] if begun else begin
        while ask is not None:
            page = _page(puller, fetcher, ask, is_first=not begun)
            begun = True
            total += page.records
            if total > max_records:
                raise TooLargeError(
                    f"the source has more than {max_records:,} records",
                    hint="OPSATLAS_IMPORT_MAX_RECORDS is the limit",
                )
            yield page
            ask = page.following


def _page(puller: Puller, fetcher: Fetcher, ask: Ask, *, is_first: bool) -> Page:
    try:
        got = fetcher.get(ask.path, ask.parameters, puller.records)
    except SourceRefusedError as error:
        other = puller.instead(ask) if is_first and error.status == _NOT_FOUND else None
        if other is None:
            raise
        ask = other
        got = fetcher.get(ask.path, ask.parameters, puller.records)
    answer = Answer(got.document, got.records, got.content, got.has_next_link, got.at)
    changes = [moment for each in got.records if (moment := puller.changed_at(each))]
    return Page(
        ask.list,
        got.content,
        puller.following(ask, answer),
        len(got.records),
        max(changes, default=None),
        got.at,
    )
