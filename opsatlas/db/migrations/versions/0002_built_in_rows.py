"""The rows that every database starts with: counter, CI classes, relationship types, source.

Revision: 0002, after 0001.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from opsatlas.db.model import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CI_CLASSES = [  # name, is_service, label
    ("business_service", True, "Business service"),
    ("application_service", True, "Application service"),
    ("technical_service", True, "Technical service"),
    ("application", False, "Application"),
    ("database", False, "Database"),
    ("middleware", False, "Middleware"),
    ("container", False, "Container"),
    ("virtual_machine", False, "Virtual machine"),
    ("server", False, "Server"),
    ("cluster", False, "Cluster"),
    ("hypervisor", False, "Hypervisor"),
    ("network_device", False, "Network device"),
    ("load_balancer", False, "Load balancer"),
    ("storage", False, "Storage"),
    ("datacenter", False, "Datacentre"),
    ("rack", False, "Rack"),
    ("power", False, "Power"),
    ("endpoint", False, "Endpoint"),
    ("saas", False, "SaaS"),
    ("certificate", False, "Certificate"),
    ("queue", False, "Queue"),
    ("generic", False, "Generic"),
]

CARRIES, NONE = "provider_to_dependent", "none"
RELATIONSHIP_TYPES = [  # name, failure_direction, label
    ("depends_on", CARRIES, "depends on"),
    ("runs_on", CARRIES, "runs on"),
    ("hosted_on", CARRIES, "is hosted on"),
    ("member_of", CARRIES, "is a member of"),
    ("contains", CARRIES, "consists of"),
    ("connects_to", CARRIES, "connects through"),
    ("powered_by", CARRIES, "is powered by"),
    ("cooled_by", CARRIES, "is cooled by"),
    ("stored_on", CARRIES, "is stored on"),
    ("uses", CARRIES, "uses"),
    ("consumes", CARRIES, "consumes"),
    ("provided_by", CARRIES, "is provided by"),
    ("secured_by", CARRIES, "is secured by"),
    ("routed_by", CARRIES, "is routed by"),
    ("replicates_from", NONE, "replicates from"),
    ("backed_up_by", NONE, "is backed up by"),
    ("documents", NONE, "documents"),
    ("located_near", NONE, "is located near"),
    ("managed_by", NONE, "is managed by"),
    ("monitored_by", NONE, "is monitored by"),
    ("related_to", NONE, "is related to"),
    ("in_group", NONE, "is in the group"),
]


def upgrade() -> None:
    text = sa.String()
    counter = sa.table(
        "revision_counter",
        sa.column("id", sa.Integer()),
        sa.column("newest", sa.Integer()),
        sa.column("dropped_up_to", sa.Integer()),
    )
    op.bulk_insert(counter, [{"id": 1, "newest": 0, "dropped_up_to": 0}])
    classes = sa.table(
        "ci_class",
        sa.column("name", text),
        sa.column("parent", text),
        sa.column("is_service", sa.Boolean()),
        sa.column("label", text),
    )
    op.bulk_insert(
        classes,
        [
            {"name": name, "parent": None, "is_service": service, "label": label}
            for name, service, label in CI_CLASSES
        ],
    )
    types = sa.table(
        "relationship_type",
        sa.column("name", text),
        sa.column("failure_direction", text),
        sa.column("label", text),
    )
    op.bulk_insert(
        types,
        [
            {"name": name, "failure_direction": direction, "label": label}
            for name, direction, label in RELATIONSHIP_TYPES
        ],
    )
    source = sa.table(
        "source",
        sa.column("name", text),
        sa.column("description", text),
        sa.column("created_at", UtcDateTime()),
    )
    op.bulk_insert(
        source,
        [
            {
                "name": "manual",
                "description": "What people write themselves",
                "created_at": datetime.now(UTC),
            }
        ],
    )


def downgrade() -> None:
    for table in ("source", "relationship_type", "ci_class", "revision_counter"):
        op.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - our own names
