"""A ranking of suspects in names: reasons, records, paths, and what to look at next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot
from cmdb.impact import State, Step
from cmdb.impact_inventory import Present
from cmdb.impact_schemas import Because, CIName, PathStep, StateName
from cmdb.snapshots import GraphCache
from cmdb.suspect_checks import Check
from cmdb.suspect_evidence import Explanation
from cmdb.suspects import Ranking
from cmdb.suspects import Suspect as Ranked
from kb.suspect_history import History
from kb.suspect_schemas import (
    NextCheck,
    Pair,
    RecentChange,
    Suspect,
    SuspectsAnswer,
    SymptomPath,
)

_PATHS = 20
_LIKELY = 5
"""Suspects that are named for each answer of a check."""
_DECIMALS = 4
_STATES: dict[State, StateName] = {
    State.AT_RISK: "at_risk",
    State.DEGRADED: "degraded",
    State.DOWN: "down",
}


def told(
    session: Session,
    cache: GraphCache,
    ranking: Ranking,
    checks: Sequence[Check],
    history: History,
    limit: int,
) -> SuspectsAnswer:
    """The answer; of pairs at most `limit`."""
    pairs = [each for each in ranking.explanations if len(each[0].failed) > 1][:limit]
    teller = _Teller(session, cache, ranking, pairs, checks)
    return SuspectsAnswer(
        suspects=[teller.suspect(each, history) for each in ranking.suspects],
        pairs=[teller.pair(explanation, share) for explanation, share in pairs],
        check_next=[teller.check(each) for each in checks],
        candidates=ranking.candidates,
        truncated=ranking.truncated,
        graph_version=0,
        took_ms=0.0,
    )


class _Teller:
    """Names of all that the answer mentions, asked for once."""

    def __init__(
        self,
        session: Session,
        cache: GraphCache,
        ranking: Ranking,
        pairs: Sequence[tuple[Explanation, float]],
        checks: Sequence[Check],
    ) -> None:
        inventory = Present(session, cache)
        self._snapshot: GraphSnapshot = inventory.graph.snapshot
        self._paths = {
            (each.index, symptom): each.alone.result.path(self._id(symptom))
            for each in ranking.suspects
            for symptom in each.alone.explains[:_PATHS]
        }
        explanations = [each.alone for each in ranking.suspects] + [each for each, _ in pairs]
        explanations += [e for check in checks for e in _likely(check)]
        mentioned = {
            index
            for each in explanations
            for index in (*each.failed, *each.explains, *each.misses, *each.contradicts)
        }
        mentioned |= {check.index for check in checks}
        steps = [step for path in self._paths.values() for step in path]
        ids = {self._id(index) for index in mentioned} | {step.ci_id for step in steps}
        self._named: Mapping[int, CIName] = {
            row.id: CIName(id=row.id, name=row.name, ci_class=row.ci_class)
            for row in inventory.named(ids).values()
        }
        causes = [step.cause for step in steps]
        self._types = inventory.types({cause.relationship_id for cause in causes} - {None})
        self._groups = inventory.group_names({cause.group_id for cause in causes} - {None})

    def suspect(self, ranked: Ranked, history: History) -> Suspect:
        """A suspect with its reasons and records."""
        ci_id = self._id(ranked.index)
        alone = ranked.alone
        paths = [
            SymptomPath(symptom=name, path=self._path(self._paths[ranked.index, symptom]))
            for symptom, name in zip(
                alone.explains[:_PATHS], self._names(alone.explains[:_PATHS]), strict=True
            )
        ]
        return Suspect(
            **self._named[ci_id].model_dump(),
            score=round(ranked.probability, _DECIMALS),
            explains=self._names(alone.explains),
            misses=self._names(alone.misses),
            contradicts=self._names(alone.contradicts),
            unreported=alone.silent,
            recent_changes=[
                RecentChange(number=each.number, title=each.title, when=each.when)
                for each in history.changes.get(ci_id, [])
            ],
            past_incidents=history.incidents.get(ci_id, 0),
            path=paths[0].path if paths else [],
            paths=paths,
        )

    def pair(self, explanation: Explanation, share: float) -> Pair:
        """Two CIs that failed together."""
        return Pair(
            configuration_items=[self._named[self._id(index)] for index in explanation.failed],
            score=round(share, _DECIMALS),
            explains=self._names(explanation.explains),
            misses=self._names(explanation.misses),
            contradicts=self._names(explanation.contradicts),
        )

    def check(self, check: Check) -> NextCheck:
        """What to look at, and what each answer would leave."""
        return NextCheck(
            **self._named[self._id(check.index)].model_dump(),
            gain=round(check.gain, _DECIMALS),
            if_affected=self._suspected(check.if_affected),
            if_fine=self._suspected(check.if_fine),
        )

    def _suspected(self, explanations: Sequence[Explanation]) -> list[str]:
        return [" + ".join(self._names(each.failed)) for each in explanations[:_LIKELY]]

    def _names(self, indices: Iterable[int]) -> list[str]:
        return [self._named[self._id(index)].name for index in indices]

    def _id(self, index: int) -> int:
        return int(self._snapshot.ids[index])

    def _path(self, steps: Sequence[Step]) -> list[PathStep]:
        return [
            PathStep(
                **self._named[step.ci_id].model_dump(),
                state=_STATES[step.state],
                because=Because(
                    kind=step.cause.kind.value,
                    provider=step.cause.provider_id,
                    relationship_type=self._types.get(step.cause.relationship_id or 0),
                    group=self._groups.get(step.cause.group_id or 0),
                    members=step.cause.members,
                    up=step.cause.up,
                    min_up=step.cause.min_up,
                ),
            )
            for step in steps
        ]


def _likely(check: Check) -> list[Explanation]:
    return check.if_affected[:_LIKELY] + check.if_fine[:_LIKELY]
