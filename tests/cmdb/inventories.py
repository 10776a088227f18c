"""Small inventories for tests of loading: written, loaded, and read back without ids."""

from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import aliased

from cmdb.importers.records import InputFile
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.models import (
    ConfigurationItem,
    ExternalKey,
    RedundancyGroup,
    Relationship,
    RelationshipSource,
)
from cmdb.plan import Missing
from cmdb.schemas import ImportReport
from opsatlas.actor import SYSTEM
from opsatlas.audit import AuditEntry
from opsatlas.db.transaction import reading, transaction

CIS = """key,name,ci_class,status,criticality,owner,site
k-web,web,application,live,1,Ann,FRA
k-db1,db1,database,,2,Bob,
k-db2,db2,database,active,2,Bob,
"""
RELATIONSHIPS = """dependent,provider,type,dependency,redundancy_group,min_up
k-web,db1,depends_on,,pair,1
k-web,db2,depends_on,,pair,
db2,db1,replicates_from,optional,,
"""


def load_texts(
    engine: Engine, *texts: str | bytes, limits: LoadLimits | None = None, **options: Any
) -> ImportReport:
    """Load files with these contents in one unit of work."""
    if "missing" in options:
        options["missing"] = Missing(options["missing"])
    files = [
        InputFile(f"{number}.csv", each if isinstance(each, bytes) else each.encode())
        for number, each in enumerate(texts, start=1)
    ]
    unit = reading if options.get("dry_run") else transaction
    with unit(engine) as session:
        return load(session, files, LoadOptions(**options), SYSTEM, limits or LoadLimits())


def contents(engine: Engine) -> dict[str, Any]:
    """The whole inventory without ids and times: comparable between databases."""
    dependent, provider = aliased(ConfigurationItem), aliased(ConfigurationItem)
    with reading(engine) as session:
        keys: dict[int, list[tuple[str, str]]] = {}
        for row in session.execute(select(ExternalKey.ci_id, ExternalKey.source, ExternalKey.key)):
            keys.setdefault(row.ci_id, []).append((row.source, row.key))
        sources: dict[int, list[tuple[str, str, str]]] = {}
        for claim in session.execute(
            select(
                RelationshipSource.relationship_id,
                RelationshipSource.source,
                RelationshipSource.dependency,
                RelationshipSource.min_up,
            )
        ):
            word = (claim.source, claim.dependency or "", claim.min_up or "")
            sources.setdefault(claim.relationship_id, []).append(word)
        cis = sorted(
            (
                ci.name,
                ci.ci_class,
                ci.status,
                ci.criticality or 0,
                ci.owner or "",
                sorted(ci.attributes.items()),
                sorted(keys.get(ci.id, [])),
            )
            for ci in session.scalars(select(ConfigurationItem))
        )
        relationships = sorted(
            (
                row.dependent,
                row.provider,
                row.type,
                row.dependency,
                row.group or "",
                row.min_up or 0,
                bool(row.percent),
                sorted(sources.get(row.id, [])),
            )
            for row in session.execute(
                select(
                    Relationship.id,
                    dependent.name.label("dependent"),
                    provider.name.label("provider"),
                    Relationship.type,
                    Relationship.dependency,
                    RedundancyGroup.name.label("group"),
                    RedundancyGroup.min_up,
                    RedundancyGroup.min_up_is_percent.label("percent"),
                )
                .join(dependent, dependent.id == Relationship.dependent_id)
                .join(provider, provider.id == Relationship.provider_id)
                .outerjoin(RedundancyGroup, RedundancyGroup.id == Relationship.group_id)
            )
        )
        groups = session.scalar(select(func.count()).select_from(RedundancyGroup))
    return {"cis": cis, "relationships": relationships, "groups": groups}


def stated(engine: Engine) -> list[Any]:
    """What every source says of every CI, and who brought it; without ids and times."""
    with reading(engine) as session:
        rows = session.scalars(select(ExternalKey).order_by(ExternalKey.source, ExternalKey.key))
        return [
            (row.source, row.key, row.said, row.set_by, row.created_run, row.missing_run)
            for row in rows
        ]


def audited(engine: Engine) -> list[tuple[str, str]]:
    """(action, entity) of every audit entry, in their order."""
    with reading(engine) as session:
        rows = session.execute(select(AuditEntry.action, AuditEntry.entity).order_by(AuditEntry.id))
        return [(row.action, row.entity) for row in rows]


def dangling(engine: Engine) -> int:
    """Rows of relationships that point nowhere, counted without trusting foreign keys."""
    with reading(engine) as session:
        return int(
            session.execute(
                text(
                    "SELECT count(*) FROM relationship r WHERE NOT EXISTS (SELECT 1 FROM"
                    " configuration_item c WHERE c.id = r.dependent_id) OR NOT EXISTS (SELECT 1"
                    " FROM configuration_item c WHERE c.id = r.provider_id) OR (r.group_id IS NOT"
                    " NULL AND NOT EXISTS (SELECT 1 FROM redundancy_group g WHERE g.id ="
                    " r.group_id AND g.dependent_id = r.dependent_id)) OR NOT EXISTS (SELECT 1"
                    " FROM relationship_source s WHERE s.relationship_id = r.id)"
                )
            ).scalar_one()
        )


def empty(engine: Engine) -> None:
    """Take everything out that loads have put in."""
    tables = (
        "identification_review relationship_source relationship redundancy_group external_key"
        " identifier configuration_item import_change"
    )
    with transaction(engine) as session:
        for table in (*tables.split(), "audit_entry", "import_run"):
            session.execute(text(f"DELETE FROM {table}"))
