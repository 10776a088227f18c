"""live_impact

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

from opsatlas.db.model import BigId, Json, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "maintenance_window",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_maintenance_window_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_window")),
    )
    with op.batch_alter_table("maintenance_window", schema=None) as batch_op:
        batch_op.create_index("ix_maintenance_window_ends_at", ["ends_at"], unique=False)

    op.create_table(
        "service_state_event",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_state_event")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ci_state",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("ci_id", BigId, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('up', 'degraded', 'down')", name=op.f("ck_ci_state_state")),
        sa.ForeignKeyConstraint(
            ["ci_id"],
            ["configuration_item.id"],
            name=op.f("fk_ci_state_ci_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ci_state")),
        sa.UniqueConstraint("ci_id", "source", name=op.f("uq_ci_state_ci_id_source")),
    )
    with op.batch_alter_table("ci_state", schema=None) as batch_op:
        batch_op.create_index("ix_ci_state_state_expires_at", ["state", "expires_at"], unique=False)

    op.create_table(
        "maintenance_window_ci",
        sa.Column("window_id", BigId, nullable=False),
        sa.Column("ci_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["ci_id"],
            ["configuration_item.id"],
            name=op.f("fk_maintenance_window_ci_ci_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["maintenance_window.id"],
            name=op.f("fk_maintenance_window_ci_window_id_maintenance_window"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("window_id", "ci_id", name=op.f("pk_maintenance_window_ci")),
    )
    with op.batch_alter_table("maintenance_window_ci", schema=None) as batch_op:
        batch_op.create_index("ix_maintenance_window_ci_ci_id", ["ci_id"], unique=False)

    op.create_table(
        "service_state",
        sa.Column("service_id", BigId, autoincrement=False, nullable=False),
        sa.Column("announced", sa.String(), nullable=False),
        sa.Column("seen", sa.String(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("changes", Json, nullable=False),
        sa.Column("flapping", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["configuration_item.id"],
            name=op.f("fk_service_state_service_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_service_state")),
    )
    with op.batch_alter_table("ci_class", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))

    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("progress", Json, nullable=True))

    with op.batch_alter_table("relationship_source", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dependency", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("min_up", sa.String(), nullable=True))

    with op.batch_alter_table("relationship_type", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("relationship_type", schema=None) as batch_op:
        batch_op.drop_column("version")

    with op.batch_alter_table("relationship_source", schema=None) as batch_op:
        batch_op.drop_column("min_up")
        batch_op.drop_column("dependency")

    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.drop_column("progress")

    with op.batch_alter_table("ci_class", schema=None) as batch_op:
        batch_op.drop_column("version")

    op.drop_table("service_state")
    with op.batch_alter_table("maintenance_window_ci", schema=None) as batch_op:
        batch_op.drop_index("ix_maintenance_window_ci_ci_id")

    op.drop_table("maintenance_window_ci")
    with op.batch_alter_table("ci_state", schema=None) as batch_op:
        batch_op.drop_index("ix_ci_state_state_expires_at")

    op.drop_table("ci_state")
    op.drop_table("service_state_event")
    with op.batch_alter_table("maintenance_window", schema=None) as batch_op:
        batch_op.drop_index("ix_maintenance_window_ends_at")

    op.drop_table("maintenance_window")
