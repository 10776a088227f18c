"""Tables of the CMDB: classes, configuration items, relationships, sources, import runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Json, Model


class LifecycleStatus(StrEnum):
    """Where a CI is in its life. Retired CIs stay for history and are left out of the graph."""

    PLANNED = "planned"
    IN_STOCK = "in_stock"
    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


class Dependency(StrEnum):
    """What a dependent loses with its provider: everything, or something."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class FailureDirection(StrEnum):
    """Where failure travels along a relationship, once it reads dependent -> provider."""

    PROVIDER_TO_DEPENDENT = "provider_to_dependent"
    NONE = "none"


class CIClass(Model):
    """A class of CIs, in a tree; `is_service` says whether its CIs are services."""

    __tablename__ = "ci_class"

    name: Mapped[str] = mapped_column(primary_key=True)
    parent: Mapped[str | None] = mapped_column(ForeignKey("ci_class.name"))
    is_service: Mapped[bool]
    label: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")


class ConfigurationItem(Model):
    """A CI. `folded_name` is the name as it is looked up: case-folded, single spaces."""

    __tablename__ = "configuration_item"
    __table_args__ = (
        Index("ix_configuration_item_folded_name", "folded_name"),
        Index("ix_configuration_item_ci_class_status", "ci_class", "status"),
        CheckConstraint("criticality BETWEEN 1 AND 4", name="criticality"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str]
    folded_name: Mapped[str]
    ci_class: Mapped[str] = mapped_column(ForeignKey("ci_class.name"))
    status: Mapped[str]
    environment: Mapped[str | None]
    criticality: Mapped[int | None]
    owner: Mapped[str | None]
    support_group: Mapped[str | None]
    ip_address: Mapped[str | None]
    fqdn: Mapped[str | None]
    serial_number: Mapped[str | None]
    attributes: Mapped[dict[str, Any]]
    merged_into: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    """The CI that this one was found to be; it is retired then, and its name leads on there."""
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class RelationshipType(Model):
    """What a relationship means, and whether failure travels along it."""

    __tablename__ = "relationship_type"

    name: Mapped[str] = mapped_column(primary_key=True)
    failure_direction: Mapped[str]
    label: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")


class RedundancyGroup(Model):
    """Providers of one dependent of which at least `min_up` must be up.

    `min_up` is a count; where `min_up_is_percent` it is a percentage of the members, rounded up.
    """

    __tablename__ = "redundancy_group"
    __table_args__ = (
        UniqueConstraint("dependent_id", "name"),
        UniqueConstraint("id", "dependent_id"),
        CheckConstraint("min_up >= 1", name="min_up"),
        CheckConstraint("NOT min_up_is_percent OR min_up <= 100", name="percent"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    dependent_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    name: Mapped[str]
    min_up: Mapped[int]
    min_up_is_percent: Mapped[bool]


class Relationship(Model):
    """`dependent` needs `provider`. A pair may have several, each of its own type or group."""

    __tablename__ = "relationship"
    __table_args__ = (
        UniqueConstraint("dependent_id", "provider_id", "type", "group_id"),
        Index(
            "uq_relationship_ungrouped",
            "dependent_id",
            "provider_id",
            "type",
            unique=True,
            sqlite_where=text("group_id IS NULL"),
            postgresql_where=text("group_id IS NULL"),
        ),
        Index("ix_relationship_provider_id", "provider_id"),
        Index("ix_relationship_group_id", "group_id"),
        CheckConstraint("dependent_id <> provider_id", name="not_itself"),
        # A group is its dependent's own: no edge of another CI can be a member.
        ForeignKeyConstraint(
            ["group_id", "dependent_id"], ["redundancy_group.id", "redundancy_group.dependent_id"]
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    dependent_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    provider_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    type: Mapped[str] = mapped_column(ForeignKey("relationship_type.name"))
    dependency: Mapped[str]
    group_id: Mapped[int | None] = mapped_column(BigId)
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Source(Model):
    """A system of record that feeds us; `manual` is what people write through the API."""

    __tablename__ = "source"

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    stale_after_days: Mapped[int | None]
    """Days unseen after which what it says of a CI gives way to a less trusted source."""
    created_at: Mapped[datetime]


class SourcePrecedence(Model):
    """For one attribute, or `*` for all others: sources, the most trusted first."""

    __tablename__ = "source_precedence"

    attribute: Mapped[str] = mapped_column(primary_key=True)
    sources: Mapped[list[Any]]


class Identifier(Model):
    """A normalised value by which a CI can be recognised, whatever source names it."""

    __tablename__ = "identifier"
    __table_args__ = (Index("ix_identifier_ci_id", "ci_id"),)

    value: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    ci_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE"), primary_key=True
    )


class ExternalKey(Model):
    """What a source knows of a CI, and under which key. One CI may have several, also of one
    source. The values of the CI are made of what all of them say (`claims.effective`)."""

    __tablename__ = "external_key"
    __table_args__ = (
        Index("ix_external_key_ci_id", "ci_id"),
        Index("ix_external_key_created_run", "created_run"),
    )

    source: Mapped[str] = mapped_column(ForeignKey("source.name"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    ci_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    said: Mapped[dict[str, Any]]
    """By field, or `attributes.NAME`: what the source says."""
    set_by: Mapped[dict[str, Any]]
    """By field: the import run that brought the value, or `[time, who]` of a manual one; under the
    empty name that of all the others."""
    created_run: Mapped[int | None] = mapped_column(BigId)
    seen_run: Mapped[int | None] = mapped_column(BigId)
    """The last import run that reported it."""
    seen_at: Mapped[datetime]
    missing_run: Mapped[int | None] = mapped_column(BigId)
    """The import run that no longer found it in the source; null while it is reported."""
    merge_id: Mapped[int | None] = mapped_column(BigId)
    """The merge that last brought it to its CI; null where it was there from the start."""


class RelationshipSource(Model):
    """That a source reports a relationship, and what it says of it: the relationship goes when no
    source reports it any more. Null says nothing (`relationship_words`)."""

    __tablename__ = "relationship_source"
    __table_args__ = (
        Index("ix_relationship_source_source", "source"),
        Index("ix_relationship_source_run_id", "run_id"),
    )

    relationship_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("relationship.id", ondelete="CASCADE"), primary_key=True
    )
    source: Mapped[str] = mapped_column(ForeignKey("source.name"), primary_key=True)
    run_id: Mapped[int | None] = mapped_column(BigId)
    """The import run that first reported it for this source."""
    dependency: Mapped[str | None]
    min_up: Mapped[str | None]
    """Of the redundancy group, such as `2` or `50%`."""


class ImportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class ImportRun(Model):
    """One load: its options, and its report once it is done (shape: schemas.ImportReport)."""

    __tablename__ = "import_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str]
    source: Mapped[str]
    format: Mapped[str]
    dry_run: Mapped[bool]
    options: Mapped[dict[str, Any]]
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    progress: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    """How far it is (shape: schemas.LoadProgress); null before and where nobody knows."""
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]


class ImportFile(Model):
    """An upload that waits for its job; removed once it is loaded."""

    __tablename__ = "import_file"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("import_run.id", ondelete="CASCADE"))
    name: Mapped[str]
    content: Mapped[bytes]


class ImportChange(Model):
    """What an import run changed or took away, as it was before: what its undoing brings back.

    What a run added needs no row: records and claims name the run that brought them.
    """

    __tablename__ = "import_change"
    __table_args__ = (Index("ix_import_change_run_id", "run_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("import_run.id", ondelete="CASCADE"))
    entity: Mapped[str]
    """`record`, `relationship`, `claim`, or `said`: what the source said of a relationship. Runs of
    earlier versions have `redundancy_group`, too."""
    entity_key: Mapped[str]
    """The source's key of a record, the id of the others."""
    before: Mapped[dict[str, Any]]
