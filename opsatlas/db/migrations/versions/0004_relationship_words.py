"""What sources say of relationships that were loaded before that was kept.

Nobody knows any more which of several sources said a value other than the default. It becomes the
word of the one that counts least, so that any other's word, once it is loaded, takes over.

Revision: 0004, after 0003.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LEAST = "ORDER BY CASE WHEN s.name = 'manual' THEN 1 ELSE 0 END, s.created_at DESC, s.name DESC"


def upgrade() -> None:
    op.execute(
        f"""UPDATE relationship_source SET dependency = 'optional'
        WHERE relationship_id IN (SELECT id FROM relationship WHERE dependency = 'optional')
        AND source = (
            SELECT s.name FROM relationship_source o JOIN source s ON s.name = o.source
            WHERE o.relationship_id = relationship_source.relationship_id {_LEAST} LIMIT 1
        )"""  # noqa: S608 - our own names
    )
    op.execute(
        f"""UPDATE relationship_source SET min_up = (
            SELECT CAST(g.min_up AS VARCHAR) || CASE WHEN g.min_up_is_percent THEN '%' ELSE '' END
            FROM relationship r JOIN redundancy_group g ON g.id = r.group_id
            WHERE r.id = relationship_source.relationship_id
        )
        WHERE relationship_id IN (
            SELECT r.id FROM relationship r JOIN redundancy_group g ON g.id = r.group_id
            WHERE g.min_up <> 1 OR g.min_up_is_percent
        )
        AND source = (
            SELECT s.name FROM relationship r JOIN relationship m ON m.group_id = r.group_id
            JOIN relationship_source o ON o.relationship_id = m.id
            JOIN source s ON s.name = o.source
            WHERE r.id = relationship_source.relationship_id {_LEAST} LIMIT 1
        )"""  # noqa: S608 - our own names
    )


def downgrade() -> None:
    op.execute("UPDATE relationship_source SET dependency = NULL, min_up = NULL")
