"""The four kinds of records and what is particular to each; `records.py` treats them all alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from kb.models import Article, Change, Incident, KnownError, RecordKind
from kb.schemas import (
    ArticleIn,
    ArticleOut,
    ArticlePatch,
    ChangeIn,
    ChangeOut,
    ChangePatch,
    IncidentIn,
    IncidentOut,
    IncidentPatch,
    KnownErrorIn,
    KnownErrorOut,
    KnownErrorPatch,
    RecordIn,
    RecordOut,
    RecordPatch,
)

In = TypeVar("In", bound=RecordIn)
Patch = TypeVar("Patch", bound=RecordPatch)
Out = TypeVar("Out", bound=RecordOut)

Record = Incident | KnownError | Article | Change


@dataclass(frozen=True)
class Noun(Generic[In, Patch, Out]):
    """One kind of record: its table, its types, and which of its fields are what."""

    kind: RecordKind
    prefix: str
    """Of the numbers that we give: `INC` for `INC-0042`."""
    model: type[Record]
    input: type[In]
    patch: type[Patch]
    output: type[Out]
    texts: tuple[str, ...]
    """Fields that are searched, in reading order; two records of one title with the same texts
    are one record where a load gives no numbers."""
    suggested: bool = True
    """Whether records of this kind are found by search and can be suggestions."""
    links: Mapping[str, RecordKind] = field(default_factory=dict)
    """Fields that hold numbers of other records, and of which kind."""
    references: Mapping[str, RecordKind] = field(default_factory=dict)
    """Columns that hold the number of one other record, and of which kind."""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Fields that are columns of the table."""
        return tuple(name for name in self.input.model_fields if name not in {"cis", *self.links})

    @property
    def restrictable(self) -> bool:
        """Whether such a record may be for some groups alone."""
        return "visibility" in self.columns

    @property
    def label(self) -> str:
        """`known error`: what people say."""
        return self.kind.replace("_", " ")


INCIDENTS = Noun(
    kind=RecordKind.INCIDENT,
    prefix="INC",
    model=Incident,
    input=IncidentIn,
    patch=IncidentPatch,
    output=IncidentOut,
    texts=("description", "symptoms", "root_cause", "workaround", "resolution"),
    references={"known_error": RecordKind.KNOWN_ERROR},
)
KNOWN_ERRORS = Noun(
    kind=RecordKind.KNOWN_ERROR,
    prefix="KE",
    model=KnownError,
    input=KnownErrorIn,
    patch=KnownErrorPatch,
    output=KnownErrorOut,
    texts=("description", "symptoms", "root_cause", "workaround", "fix"),
)
ARTICLES = Noun(
    kind=RecordKind.ARTICLE,
    prefix="KB",
    model=Article,
    input=ArticleIn,
    patch=ArticlePatch,
    output=ArticleOut,
    texts=("body",),
    links={"known_errors": RecordKind.KNOWN_ERROR, "superseded_by": RecordKind.ARTICLE},
)
CHANGES = Noun(
    kind=RecordKind.CHANGE,
    prefix="CHG",
    model=Change,
    input=ChangeIn,
    patch=ChangePatch,
    output=ChangeOut,
    texts=("description",),
    suggested=False,
    links={"incidents": RecordKind.INCIDENT},
)

NOUNS: tuple[
    Noun[IncidentIn, IncidentPatch, IncidentOut],
    Noun[KnownErrorIn, KnownErrorPatch, KnownErrorOut],
    Noun[ArticleIn, ArticlePatch, ArticleOut],
    Noun[ChangeIn, ChangePatch, ChangeOut],
] = (INCIDENTS, KNOWN_ERRORS, ARTICLES, CHANGES)
