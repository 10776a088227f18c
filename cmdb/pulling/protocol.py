"""What a puller is: it knows how one kind of system is asked for its lists, page by page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from cmdb.importers.records import InputFile
from opsatlas.errors import InvalidInputError, UnavailableError

Record = dict[str, Any]


class SourceUnavailableError(UnavailableError):
    """A system that is pulled does not answer, or not whole; it may do so later."""

    code = "source_unavailable"


class SourceRefusedError(InvalidInputError):
    """A system that is pulled will not let itself be read so, however often it is asked."""

    code = "source_refused"

    def __init__(self, detail: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.status = status
        """The HTTP status of its answer, where that was the reason."""


class IncompleteAnswerError(Exception):
    """An answer is not what the system would send when it is well; asking again may help."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run asks for."""

    lists: Sequence[str]
    """Tables or endpoints."""
    page_size: int
    since: datetime | None = None
    """Only what was changed at this moment or later; None: everything."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: a page of a list."""

    list: str
    path: str
    parameters: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """As it is kept, to go on from."""
        return {"list": self.list, "path": self.path, "parameters": self.parameters}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Ask":
        """What `as_json` made."""
        return cls(kept["list"], kept["path"], kept["parameters"])


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as it came."""

    document: Any
    records: list[Record]
    content: bytes
    has_next_link: bool
    """Whether its headers say that the list goes on."""
    at: datetime
    """By the clock of the system."""


class Puller(Protocol):
    """One kind of system. A module with these names is one."""

    NAME: str
    """Also the format of what it answers."""
    DEFAULT_LISTS: tuple[str, ...]
    """What is read where the settings name nothing; empty where there is nothing to choose."""
    INCREMENTAL: bool
    """Whether it can be asked for what changed since a moment."""
    OVERLAP: timedelta
    """How far before the newest change that was seen the next run begins."""
    NEEDS_TOKEN: bool

    def is_list(self, name: str) -> bool:
        """Whether a list of this name can be asked for."""
        ...

    def headers(self, user: str, token: str) -> dict[str, str]:
        """What tells the system who asks."""
        ...

    def first(self, wanted: Wanted) -> list[Ask]:
        """The first page of each list."""
        ...

    def following(self, ask: Ask, answer: Answer) -> Ask | None:
        """The page after this one; None at the end. Raises SourceRefusedError where the pages do
        not move on."""
        ...

    def instead(self, ask: Ask) -> Ask | None:
        """What to ask where there is nothing at the address of a list's first page."""
        ...

    def records(self, document: Any) -> list[Record]:
        """The records of an answer. Raises IncompleteAnswerError."""
        ...

    def changed_at(self, record: Record) -> datetime | None:
        """When a record was last changed, where it says so."""
        ...

    def files(self, pages: Iterable[tuple[str, Any]]) -> list[InputFile]:
        """The pages (list, document), oldest first, as files of the format: one for each list, each
        record once, as it was read last."""
        ...
