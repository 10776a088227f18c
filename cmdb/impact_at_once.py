"""Impact answers that need no unit of work: small ones, about what the process holds already.

Whatever is not plain (a name that several CIs have, a change since the last answer, a failure that
reaches far) is left to `answer_impact_json`, which takes the ordinary way and gives the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from cmdb.impact import ReachesFarError
from cmdb.impact_answer import answer_from
from cmdb.impact_schemas import ImpactQuestion
from cmdb.kept_names import CI_NAMES, KeptCI, Named, NamesAt
from cmdb.models import ConfigurationItem, LifecycleStatus
from cmdb.names import fold
from cmdb.priority import PriorityMatrix
from cmdb.references import CIReference, IdReference, NameReference
from cmdb.snapshots import DependencyGraph, GraphCache
from opsatlas.db.kept_reader import KeptReader

_FEW = 500
"""CIs that a failure may affect: an answer about so many takes two or three milliseconds."""
_FAILED = 20

_CIS = ConfigurationItem.__table__.c
_FOUND = select(*CI_NAMES.selected_columns, _CIS.status, _CIS.merged_into)


class NotAtOnceError(Exception):
    """The question is not one of those that can be answered so."""


def answer_at_once(
    reader: KeptReader,
    cache: GraphCache,
    question: ImpactQuestion,
    matrix: PriorityMatrix,
    *,
    max_failed: int,
    max_limit: int,
) -> bytes:
    """As `answer_impact_json`, by the thread of the event loop.

    Raises NotAtOnceError and CannotReadNowError where it has to be the ordinary way.
    """
    graph, kept = cache.held, cache.names.newest
    fits = len(question.failed) <= min(_FAILED, max_failed) and question.limit <= max_limit
    if question.as_of is not None or not fits or graph is None:
        raise NotAtOnceError
    with reader.view() as newest:
        if not newest == graph.revision == kept.revision:
            raise NotAtOnceError
        try:
            return answer_from(_AtHand(reader, graph, kept), question, matrix, _FEW)
        except ReachesFarError as error:
            raise NotAtOnceError from error


class _AtHand:
    """The inventory of now, as a view of the reader's shows it."""

    at = None

    def __init__(self, reader: KeptReader, graph: DependencyGraph, kept: NamesAt) -> None:
        self._reader = reader
        self._kept = kept
        self.graph = graph

    def resolve(self, references: Sequence[CIReference]) -> list[int]:
        """As `references.resolve`. Raises NotAtOnceError for what is not plain."""
        return [self._resolved(each) for each in references]

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        """CIs by id."""
        return self._kept.named(ids, self._reader.rows)

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        """The types of relationships, by id."""
        return self._kept.types(ids, self._reader.rows)

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        """The names of redundancy groups, by id."""
        return self._kept.group_names(ids, self._reader.rows)

    def _resolved(self, reference: CIReference) -> int:
        if isinstance(reference, IdReference):
            rows = list(self._reader.rows(_FOUND, [reference.id]))
        elif isinstance(reference, str):
            rows = list(self._reader.rows(_FOUND, [fold(reference)], "folded_name"))
        elif isinstance(reference, NameReference) and reference.ci_class is None:
            rows = list(self._reader.rows(_FOUND, [fold(reference.name)], "folded_name"))
        else:
            raise NotAtOnceError
        if len(rows) != 1:
            raise NotAtOnceError
        *named, status, merged_into = rows[0]
        if status == LifecycleStatus.RETIRED or merged_into is not None:
            raise NotAtOnceError
        ci = KeptCI._make(named)
        self._kept.keep(ci)
        return ci.id
