"""Vector spaces: which one serves, which are being filled, and which process wants which.

Revision: 0006, after 0005.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from opsatlas.clock import now
from opsatlas.db.model import BigId, Json, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OF_THE_PACKAGE = "all-MiniLM-L6-v2@53aa51172d14"
_PACKAGED = {"runtime": "onnx", "folder": None, "question_prompt": "", "document_prompt": ""}


def upgrade() -> None:
    space = op.create_table(
        "vector_space",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("recipe", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('serving', 'filling', 'retired')", name=op.f("ck_vector_space_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vector_space")),
        sa.UniqueConstraint("model_id", name=op.f("uq_vector_space_model_id")),
    )
    op.create_index(
        "uq_vector_space_serving",
        "vector_space",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'serving'"),
        postgresql_where=sa.text("state = 'serving'"),
    )
    op.create_table(
        "vector_space_wish",
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("renewed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_vector_space_wish")),
    )
    op.bulk_insert(space, _stored_spaces())


def _stored_spaces() -> list[dict[str, Any]]:
    """What earlier releases encoded. Of the packaged model's spaces, the one with the most vectors
    serves until a process with a model has another one filled; the others are dropped after a
    while, unless they are wanted."""
    vector = sa.table("search_vector", sa.column("model_id"), sa.column("dimensions"))
    stored = op.get_bind().execute(
        sa.select(vector.c.model_id, vector.c.dimensions, sa.func.count().label("vectors"))
        .group_by(vector.c.model_id, vector.c.dimensions)
        .order_by(sa.desc("vectors"), vector.c.model_id)
    )
    found: list[dict[str, Any]] = []
    serves = False
    for model_id, dimensions, _ in stored:
        recipe = _PACKAGED if model_id.startswith(_OF_THE_PACKAGE) else {}
        state = "serving" if recipe and not serves else "retired"
        serves = serves or state == "serving"
        found.append({"model_id": model_id, "dimensions": dimensions, "recipe": recipe})
        found[-1] |= {"state": state, "since": now()}
    return found


def downgrade() -> None:
    op.drop_table("vector_space_wish")
    op.drop_index(
        "uq_vector_space_serving",
        table_name="vector_space",
        sqlite_where=sa.text("state = 'serving'"),
        postgresql_where=sa.text("state = 'serving'"),
    )
    op.drop_table("vector_space")
