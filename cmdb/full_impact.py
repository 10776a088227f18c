"""An impact answer with what may be asked beside: reasons in full, paths of CIs, what if."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy.orm import Session

from cmdb.explanation import Explained, explain, is_affected
from cmdb.explanation_schemas import ExplainedItem, RestsOn, WhyItem
from cmdb.impact import ImpactResult, analyse
from cmdb.impact_answer import TooManyFailedError, answer_impact
from cmdb.impact_findings import STATE_NAMES
from cmdb.impact_inventory import Inventory, inventory_at
from cmdb.impact_schemas import ImpactAnswer, ImpactQuestion
from cmdb.named_paths import Names, names_of_paths
from cmdb.priority import PriorityMatrix, Urgency
from cmdb.references import CIReference, UnresolvedCIError
from cmdb.snapshots import GraphCache
from cmdb.what_if_answer import Rated, answer_what_if
from cmdb.what_if_schemas import WhatIf, WhatIfAnswer
from opsatlas.errors import ErrorItem
from opsatlas.field_docs import field_docs

Explain = Literal["path", "all"]


class FullImpactQuestion(ImpactQuestion):
    """What is asked of an impact analysis, and beside."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    failed: list[CIReference] = Field(default_factory=list)
    """CIs that failed: names, ids, or a source with its key. Empty only beside `what_if`."""
    explain: Explain = "path"
    """`all`: also the least set of facts from which the state of each service follows."""
    why: Annotated[list[CIReference], Field(default_factory=list, max_length=1000)]
    """CIs whose path is wanted beside those of the services."""
    what_if: WhatIf | None = None
    """What would change if more failed, or relationships were others."""

    @property
    def asks_more(self) -> bool:
        """Whether anything is asked beside the plain answer."""
        return self.explain == "all" or bool(self.why) or self.what_if is not None

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if not self.failed and self.what_if is None:
            message = "name at least one failed CI, or suppose something in what_if"
            error = PydanticCustomError("no_failed_ci", message)
            raise ValidationError.from_exception_data(
                "FullImpactQuestion", [{"type": error, "loc": ("failed",), "input": self.failed}]
            )
        return self


class FullImpactAnswer(ImpactAnswer):
    """An impact answer with what was asked beside."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    explanation: list[ExplainedItem] | None = None
    """With `explain: all`: each CI once, providers before dependents. What a service's state
    follows from are the entries that its `rests_on` leads to; none can be left out."""
    why: list[WhyItem] | None = None
    """The CIs asked about, in that order."""
    what_if: WhatIfAnswer | None = None
    """What the supposition would change; all else in the answer is about `failed` alone."""


def answer_full_impact(
    session: Session,
    cache: GraphCache,
    question: FullImpactQuestion,
    matrix: PriorityMatrix,
    *,
    max_failed: int,
    max_limit: int,
) -> FullImpactAnswer:
    """As `answer_impact`, with what the question asks beside; raises what `answer_what_if` does."""
    started = time.perf_counter()
    _check(question, max_failed)
    plain = answer_impact(
        session, cache, question, matrix, max_failed=max_failed, max_limit=max_limit
    )
    inventory = inventory_at(session, cache, question.as_of)
    failed = [each.id for each in plain.failed]
    result = analyse(inventory.graph.snapshot, failed, question.max_depth)
    asked = _asked(inventory, question.why)
    answer = FullImpactAnswer(**dict(plain))
    if asked:
        answer.why = _why(inventory, result, asked)
    if question.explain == "all":
        affected = [each for each in asked if is_affected(result, each)]
        services = [each.id for each in plain.services]
        answer.explanation = _explanation(inventory, explain(result, [*services, *affected]))
    if question.what_if is not None:
        rated = Rated(Urgency(question.urgency), matrix)
        answer.what_if = answer_what_if(
            session, inventory, result, question.what_if, rated, question.max_depth
        )
    answer.took_ms = round((time.perf_counter() - started) * 1000, 2)
    return answer


def answer_full_impact_json(
    session: Session,
    cache: GraphCache,
    question: FullImpactQuestion,
    matrix: PriorityMatrix,
    *,
    max_failed: int,
    max_limit: int,
) -> bytes:
    """The same as JSON text, without what was not asked; raises the same."""
    answer = answer_full_impact(
        session, cache, question, matrix, max_failed=max_failed, max_limit=max_limit
    )
    beside = {"explanation", "why", "what_if"}
    unasked = {name for name in beside if getattr(answer, name) is None}
    return answer.model_dump_json(exclude=unasked).encode()


def _check(question: FullImpactQuestion, max_failed: int) -> None:
    supposed = 0 if question.what_if is None else len(question.what_if.fail)
    if len(question.failed) + supposed > max_failed:
        named = f"{len(question.failed) + supposed:,} failed CIs are named or supposed"
        raise TooManyFailedError(
            f"{named}, at most {max_failed:,} may be",
            hint="OPSATLAS_IMPACT_MAX_FAILED sets the limit",
            errors=[ErrorItem("/what_if/fail", f"with those of failed more than {max_failed:,}")],
        )


def _asked(inventory: Inventory, references: Sequence[CIReference]) -> list[int]:
    try:
        return inventory.resolve(references)
    except UnresolvedCIError as error:
        error.errors = tuple(
            ErrorItem(
                "/why" + item.pointer.removeprefix("/failed"),
                item.detail,
                item.value,
                item.hint,
                item.candidates,
            )
            for item in error.errors
        )
        raise


def _why(inventory: Inventory, result: ImpactResult, asked: Sequence[int]) -> list[WhyItem]:
    paths = {each: result.path(each) for each in asked if is_affected(result, each)}
    names = names_of_paths(inventory, paths.values(), asked)
    return [
        WhyItem(
            **names.ci(each).model_dump(),
            state=STATE_NAMES[paths[each][-1].state] if each in paths else "operational",
            distance=len(paths[each]) - 1 if each in paths else None,
            path=names.path(paths.get(each, ())),
        )
        for each in asked
    ]


def _explanation(inventory: Inventory, explained: Sequence[Explained]) -> list[ExplainedItem]:
    names = Names(inventory, [each.ci_id for each in explained], [each.cause for each in explained])
    types = inventory.types({on.relationship_id for each in explained for on in each.rests_on})
    return [
        ExplainedItem(
            **names.ci(each.ci_id).model_dump(),
            state=STATE_NAMES[each.state],
            because=names.because(each.cause),
            rests_on=[
                RestsOn(
                    relationship=on.relationship_id,
                    relationship_type=types.get(on.relationship_id),
                    provider=on.provider_id,
                )
                for on in each.rests_on
            ],
        )
        for each in explained
    ]
