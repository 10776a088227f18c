"""The newest incidents of a known error, and whether they have changed, by one index.

Revision: 0007, after 0006.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_incident_known_error_opened_at",
        "incident",
        ["known_error", "opened_at", "id", "version", "updated_at"],
    )
    op.drop_index(op.f("ix_incident_known_error"), table_name="incident")


def downgrade() -> None:
    op.create_index(op.f("ix_incident_known_error"), "incident", ["known_error"])
    op.drop_index("ix_incident_known_error_opened_at", table_name="incident")
