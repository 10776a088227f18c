"""A plan of a merge as it is shown."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from cmdb.claims import MANUAL, is_correction
from cmdb.impact_schemas import CIName
from cmdb.merge_plan import MergePlan
from cmdb.merge_reading import ci_names
from cmdb.merge_schemas import MergedField, MergedGroup, MergedRelationship, MergeReport
from cmdb.schemas import SourceKey


def merge_report(
    session: Session, plan: MergePlan, merge_id: int | None, reviews: int
) -> MergeReport:
    """The plan with names; to be made before it is carried out."""
    edges = [*(edge for edge, _ in plan.moved), *(each.edge for each in plan.joined), *plan.gone]
    ends = {end for edge in edges for end in (edge.dependent, edge.provider)}
    ends |= {limit.group.dependent for limit in plan.limits}
    names = ci_names(session, ends | {plan.winner.id, plan.loser.id})
    return MergeReport(
        id=merge_id,
        dry_run=merge_id is None,
        winner=names[plan.winner.id],
        loser=names[plan.loser.id],
        fields=[
            MergedField(
                field=each.field,
                value=each.value,
                winner=each.winner_value,
                loser=each.loser_value,
                source=each.source,
                of=each.of,
                why=each.why,
            )
            for each in plan.fields
        ],
        keys=[
            SourceKey(source=each.source, key=each.key)
            for each in plan.keys
            if each.source != MANUAL or not is_correction(each.key)
        ],
        relationships=list(_relationships(plan, names)),
        redundancy_groups=list(_groups(plan, names)),
        reviews=reviews,
        records=0,
    )


def _relationships(plan: MergePlan, names: dict[int, CIName]) -> Iterator[MergedRelationship]:
    moved = [(edge, "moved", None, edge.dependency) for edge, _ in plan.moved]
    joined = [(each.edge, "joined", each.into.id, each.dependency) for each in plan.joined]
    gone = [(edge, "removed", None, edge.dependency) for edge in plan.gone]
    for edge, becomes, into, dependency in [*moved, *joined, *gone]:
        yield MergedRelationship.model_validate(
            {
                "id": edge.id,
                "dependent": names[edge.dependent],
                "provider": names[edge.provider],
                "type": edge.type,
                "dependency": dependency,
                "redundancy_group": edge.group,
                "becomes": becomes,
                "into": into,
            }
        )


def _groups(plan: MergePlan, names: dict[int, CIName]) -> Iterator[MergedGroup]:
    loser = names[plan.loser.id]
    limits = {each.group.id: each.min_up for each in plan.limits}
    for group in plan.moved_groups:
        limit = limits.pop(group.id, group.min_up)
        yield MergedGroup(dependent=loser, name=group.name, becomes="moved", min_up=str(limit))
    for group, same in plan.joined_groups:
        limit = limits.pop(same.id, same.min_up)
        yield MergedGroup(dependent=loser, name=group.name, becomes="joined", min_up=str(limit))
    for each in plan.limits:
        if each.group.id in limits:
            yield MergedGroup(
                dependent=names[each.group.dependent],
                name=each.group.name,
                becomes="smaller",
                min_up=str(each.min_up),
            )
