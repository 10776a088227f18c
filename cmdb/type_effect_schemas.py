"""What the edit of a relationship type would change, as it is answered."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from cmdb.explanation_schemas import AnyState
from cmdb.impact_schemas import CIName
from cmdb.schemas import RelationshipTypeOut
from opsatlas.field_docs import field_docs


class _Described(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class EditedType(BaseModel):
    """The type as it is and as it would be."""

    before: RelationshipTypeOut
    after: RelationshipTypeOut


class CarryingRelationships(_Described):
    """Relationships of the type."""

    total: int
    starting: int
    """Along which failure would begin to travel: those between CIs that are not retired."""
    stopping: int
    """Along which it would travel no more."""


class ServicesOfEdit(_Described):
    """How many services the edit would concern."""

    touched: int
    """That stand, near or far, on a relationship that starts or stops carrying failure."""
    gaining: int | None
    """That would stand on more CIs than now; null where the time was not enough to count."""
    losing: int | None
    """That would stand on fewer."""
    worse: int
    """Whose state right now would be worse, given what is reported."""
    better: int


class CountEdited(BaseModel):
    """A count now and after the edit."""

    before: int
    after: int


class StateEdited(BaseModel):
    """A state now and after the edit."""

    before: AnyState
    after: AnyState


class TouchedService(CIName):
    """A service that the edit would concern."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    criticality: int | None
    owner: str | None
    support_group: str | None
    stands_on: CountEdited | None
    """CIs below it, optional ones too; null where the time was not enough."""
    single_points: CountEdited | None
    """CIs each of which takes it down alone; null where the time was not enough."""
    state: StateEdited
    """Right now, by what is reported."""


class RelationshipTypeEffect(_Described):
    """What an edit would change; nothing is written."""

    relationship_type: EditedType
    relationships: CarryingRelationships
    counts: ServicesOfEdit
    services: list[TouchedService]
    """Those that gain, lose or change their state first, then by criticality and name."""
    truncated: bool
    """Whether the time was not enough to count everything."""
    graph_version: int
    took_ms: float
