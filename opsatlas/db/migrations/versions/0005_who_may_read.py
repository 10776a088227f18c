"""Groups of keys, and the groups that records and their documents are restricted to.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("groups", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.add_column(sa.Column("visibility", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.add_column(sa.Column("visibility", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("known_error", schema=None) as batch_op:
        batch_op.add_column(sa.Column("visibility", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("search_document", schema=None) as batch_op:
        batch_op.add_column(sa.Column("audience", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("search_document", schema=None) as batch_op:
        batch_op.drop_column("audience")

    with op.batch_alter_table("known_error", schema=None) as batch_op:
        batch_op.drop_column("visibility")

    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.drop_column("visibility")

    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.drop_column("visibility")

    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_column("groups")
