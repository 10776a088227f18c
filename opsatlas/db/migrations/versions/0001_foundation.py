"""foundation

Revision: 0001, after .
"""

import sqlalchemy as sa
from alembic import op

from opsatlas.db.model import BigId, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_table(
        "article",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article")),
        sa.UniqueConstraint("number", name=op.f("uq_article_number")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entry_at"), ["at"], unique=False)
        batch_op.create_index(
            "ix_audit_entry_entity_entity_id", ["entity", "entity_id"], unique=False
        )

    op.create_table(
        "change",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("planned_start", UtcDateTime(), nullable=True),
        sa.Column("planned_end", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("number", name=op.f("uq_change_number")),
    )
    op.create_table(
        "ci_class",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("is_service", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"], ["ci_class.name"], name=op.f("fk_ci_class_parent_ci_class")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ci_class")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("suggestion", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint(
            "suggestion", "incident", "actor", name=op.f("uq_feedback_suggestion_incident_actor")
        ),
    )
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.create_index("ix_feedback_suggestion", ["suggestion"], unique=False)

    op.create_table(
        "health_snapshot",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("configuration_items", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("infos", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("completeness", sa.Double(), nullable=True),
        sa.Column("correctness", sa.Double(), nullable=True),
        sa.Column("compliance", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_snapshot")),
    )
    with op.batch_alter_table("health_snapshot", schema=None) as batch_op:
        batch_op.create_index("ix_health_snapshot_at", ["at"], unique=False)
        batch_op.create_index(
            "ix_health_snapshot_part_name_at", ["part", "name", "at"], unique=False
        )

    op.create_table(
        "import_run",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("report", Json, nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_import_run_created_at"), ["created_at"], unique=False)

    op.create_table(
        "incident",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("impact", sa.String(), nullable=True),
        sa.Column("urgency", sa.String(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("restored_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("symptoms", sa.String(), nullable=False),
        sa.Column("root_cause", sa.String(), nullable=False),
        sa.Column("workaround", sa.String(), nullable=False),
        sa.Column("resolution", sa.String(), nullable=False),
        sa.Column("resolution_code", sa.String(), nullable=True),
        sa.Column("known_error", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("number", name=op.f("uq_incident_number")),
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incident_known_error"), ["known_error"], unique=False)
        batch_op.create_index(batch_op.f("ix_incident_opened_at"), ["opened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_incident_status"), ["status"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("unique_key", sa.String(), nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_after", UtcDateTime(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("ix_job_state_run_after", ["state", "run_after"], unique=False)
        batch_op.create_index(
            "uq_job_queued",
            ["kind", "unique_key"],
            unique=True,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )

    op.create_table(
        "known_error",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("symptoms", sa.String(), nullable=False),
        sa.Column("root_cause", sa.String(), nullable=False),
        sa.Column("workaround", sa.String(), nullable=False),
        sa.Column("fix", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_error")),
        sa.UniqueConstraint("number", name=op.f("uq_known_error_number")),
    )
    op.create_table(
        "record_link",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("from_kind", sa.String(), nullable=False),
        sa.Column("from_number", sa.String(), nullable=False),
        sa.Column("to_kind", sa.String(), nullable=False),
        sa.Column("to_number", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_link")),
        sa.UniqueConstraint(
            "from_kind",
            "from_number",
            "to_kind",
            "to_number",
            name=op.f("uq_record_link_from_kind_from_number_to_kind_to_number"),
        ),
    )
    with op.batch_alter_table("record_link", schema=None) as batch_op:
        batch_op.create_index(
            "ix_record_link_to_kind_to_number", ["to_kind", "to_number"], unique=False
        )

    op.create_table(
        "relationship_type",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("failure_direction", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_relationship_type")),
    )
    op.create_table(
        "revision_change",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("revision", BigId, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("entity_id", BigId, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision_change")),
    )
    with op.batch_alter_table("revision_change", schema=None) as batch_op:
        batch_op.create_index("ix_revision_change_revision", ["revision"], unique=False)

    op.create_table(
        "revision_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("newest", BigId, nullable=False),
        sa.Column("dropped_up_to", BigId, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_revision_counter_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision_counter")),
    )
    op.create_table(
        "search_document",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_document")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_search_document_kind_key")),
    )
    op.create_table(
        "search_vector",
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("content_hash", "model_id", name=op.f("pk_search_vector")),
    )
    op.create_table(
        "source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("stale_after_days", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_source")),
    )
    op.create_table(
        "source_precedence",
        sa.Column("attribute", sa.String(), nullable=False),
        sa.Column("sources", Json, nullable=False),
        sa.PrimaryKeyConstraint("attribute", name=op.f("pk_source_precedence")),
    )
    op.create_table(
        "sync_run",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("watermark", UtcDateTime(), nullable=True),
        sa.Column("read_from", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("import_id", BigId, nullable=True),
        sa.Column("report", Json, nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    with op.batch_alter_table("sync_run", schema=None) as batch_op:
        batch_op.create_index("ix_sync_run_source", ["source"], unique=False)
        batch_op.create_index(
            "uq_sync_run_open",
            ["source"],
            unique=True,
            sqlite_where=sa.text("state IN ('queued', 'running')"),
            postgresql_where=sa.text("state IN ('queued', 'running')"),
        )

    op.create_table(
        "configuration_item",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded_name", sa.String(), nullable=False),
        sa.Column("ci_class", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=True),
        sa.Column("criticality", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("support_group", sa.String(), nullable=True),
        sa.Column("ip_address", sa.String(), nullable=True),
        sa.Column("fqdn", sa.String(), nullable=True),
        sa.Column("serial_number", sa.String(), nullable=True),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("merged_into", BigId, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "criticality BETWEEN 1 AND 4", name=op.f("ck_configuration_item_criticality")
        ),
        sa.ForeignKeyConstraint(
            ["ci_class"], ["ci_class.name"], name=op.f("fk_configuration_item_ci_class_ci_class")
        ),
        sa.ForeignKeyConstraint(
            ["merged_into"],
            ["configuration_item.id"],
            name=op.f("fk_configuration_item_merged_into_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration_item")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("configuration_item", schema=None) as batch_op:
        batch_op.create_index(
            "ix_configuration_item_ci_class_status", ["ci_class", "status"], unique=False
        )
        batch_op.create_index("ix_configuration_item_folded_name", ["folded_name"], unique=False)

    op.create_table(
        "import_change",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_key", sa.String(), nullable=False),
        sa.Column("before", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["import_run.id"],
            name=op.f("fk_import_change_run_id_import_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_change")),
    )
    with op.batch_alter_table("import_change", schema=None) as batch_op:
        batch_op.create_index("ix_import_change_run_id", ["run_id"], unique=False)

    op.create_table(
        "import_file",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["import_run.id"],
            name=op.f("fk_import_file_run_id_import_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_file")),
    )
    op.create_table(
        "search_passage",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("document_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["search_document.id"],
            name=op.f("fk_search_passage_document_id_search_document"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_passage")),
        sa.UniqueConstraint(
            "document_id", "ordinal", name=op.f("uq_search_passage_document_id_ordinal")
        ),
    )
    with op.batch_alter_table("search_passage", schema=None) as batch_op:
        batch_op.create_index("ix_search_passage_content_hash", ["content_hash"], unique=False)

    op.create_table(
        "sync_page",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("list", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("following", Json, nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_sync_page_run_id_sync_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_page")),
    )
    with op.batch_alter_table("sync_page", schema=None) as batch_op:
        batch_op.create_index("ix_sync_page_run_id", ["run_id"], unique=False)

    op.create_table(
        "affected_ci",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("record_kind", sa.String(), nullable=False),
        sa.Column("record_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ci_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["ci_id"],
            ["configuration_item.id"],
            name=op.f("fk_affected_ci_ci_id_configuration_item"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_affected_ci")),
        sa.UniqueConstraint(
            "record_kind",
            "record_id",
            "name",
            name=op.f("uq_affected_ci_record_kind_record_id_name"),
        ),
    )
    with op.batch_alter_table("affected_ci", schema=None) as batch_op:
        batch_op.create_index("ix_affected_ci_ci_id", ["ci_id"], unique=False)
        batch_op.create_index("ix_affected_ci_name", ["name"], unique=False)

    op.create_table(
        "ci_merge",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("loser_id", BigId, nullable=False),
        sa.Column("winner_id", BigId, nullable=False),
        sa.Column("moved", Json, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["loser_id"],
            ["configuration_item.id"],
            name=op.f("fk_ci_merge_loser_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["winner_id"],
            ["configuration_item.id"],
            name=op.f("fk_ci_merge_winner_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ci_merge")),
    )
    with op.batch_alter_table("ci_merge", schema=None) as batch_op:
        batch_op.create_index("ix_ci_merge_loser_id", ["loser_id"], unique=False)
        batch_op.create_index("ix_ci_merge_winner_id", ["winner_id"], unique=False)

    op.create_table(
        "external_key",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("ci_id", BigId, nullable=False),
        sa.Column("said", Json, nullable=False),
        sa.Column("set_by", Json, nullable=False),
        sa.Column("created_run", BigId, nullable=True),
        sa.Column("seen_run", BigId, nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("missing_run", BigId, nullable=True),
        sa.Column("merge_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["ci_id"],
            ["configuration_item.id"],
            name=op.f("fk_external_key_ci_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["source.name"], name=op.f("fk_external_key_source_source")
        ),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_external_key")),
    )
    with op.batch_alter_table("external_key", schema=None) as batch_op:
        batch_op.create_index("ix_external_key_ci_id", ["ci_id"], unique=False)
        batch_op.create_index("ix_external_key_created_run", ["created_run"], unique=False)

    op.create_table(
        "identification_review",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run_id", BigId, nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ci_class", sa.String(), nullable=False),
        sa.Column("said", Json, nullable=False),
        sa.Column("candidates", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ci_id", BigId, nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ci_id"],
            ["configuration_item.id"],
            name=op.f("fk_identification_review_ci_id_configuration_item"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["source.name"], name=op.f("fk_identification_review_source_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identification_review")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_identification_review_source_key")),
    )
    with op.batch_alter_table("identification_review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identification_review_state"), ["state"], unique=False)

    op.create_table(
        "identifier",
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ci_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["ci_id"],
            ["configuration_item.id"],
            name=op.f("fk_identifier_ci_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("value", "kind", "ci_id", name=op.f("pk_identifier")),
    )
    with op.batch_alter_table("identifier", schema=None) as batch_op:
        batch_op.create_index("ix_identifier_ci_id", ["ci_id"], unique=False)

    op.create_table(
        "kept_apart",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("one_id", BigId, nullable=False),
        sa.Column("other_id", BigId, nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_kept_apart_order")),
        sa.ForeignKeyConstraint(
            ["one_id"],
            ["configuration_item.id"],
            name=op.f("fk_kept_apart_one_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["other_id"],
            ["configuration_item.id"],
            name=op.f("fk_kept_apart_other_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_apart")),
        sa.UniqueConstraint("one_id", "other_id", name=op.f("uq_kept_apart_one_id_other_id")),
    )
    with op.batch_alter_table("kept_apart", schema=None) as batch_op:
        batch_op.create_index("ix_kept_apart_other_id", ["other_id"], unique=False)

    op.create_table(
        "redundancy_group",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("dependent_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("min_up", sa.Integer(), nullable=False),
        sa.Column("min_up_is_percent", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "NOT min_up_is_percent OR min_up <= 100", name=op.f("ck_redundancy_group_percent")
        ),
        sa.CheckConstraint("min_up >= 1", name=op.f("ck_redundancy_group_min_up")),
        sa.ForeignKeyConstraint(
            ["dependent_id"],
            ["configuration_item.id"],
            name=op.f("fk_redundancy_group_dependent_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redundancy_group")),
        sa.UniqueConstraint(
            "dependent_id", "name", name=op.f("uq_redundancy_group_dependent_id_name")
        ),
        sa.UniqueConstraint("id", "dependent_id", name=op.f("uq_redundancy_group_id_dependent_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "relationship",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("dependent_id", BigId, nullable=False),
        sa.Column("provider_id", BigId, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("dependency", sa.String(), nullable=False),
        sa.Column("group_id", BigId, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("dependent_id <> provider_id", name=op.f("ck_relationship_not_itself")),
        sa.ForeignKeyConstraint(
            ["dependent_id"],
            ["configuration_item.id"],
            name=op.f("fk_relationship_dependent_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["group_id", "dependent_id"],
            ["redundancy_group.id", "redundancy_group.dependent_id"],
            name=op.f("fk_relationship_group_id_dependent_id_redundancy_group"),
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["configuration_item.id"],
            name=op.f("fk_relationship_provider_id_configuration_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["type"],
            ["relationship_type.name"],
            name=op.f("fk_relationship_type_relationship_type"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relationship")),
        sa.UniqueConstraint(
            "dependent_id",
            "provider_id",
            "type",
            "group_id",
            name=op.f("uq_relationship_dependent_id_provider_id_type_group_id"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("relationship", schema=None) as batch_op:
        batch_op.create_index("ix_relationship_group_id", ["group_id"], unique=False)
        batch_op.create_index("ix_relationship_provider_id", ["provider_id"], unique=False)
        batch_op.create_index(
            "uq_relationship_ungrouped",
            ["dependent_id", "provider_id", "type"],
            unique=True,
            sqlite_where=sa.text("group_id IS NULL"),
            postgresql_where=sa.text("group_id IS NULL"),
        )

    op.create_table(
        "relationship_source",
        sa.Column("relationship_id", BigId, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("run_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["relationship_id"],
            ["relationship.id"],
            name=op.f("fk_relationship_source_relationship_id_relationship"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["source.name"], name=op.f("fk_relationship_source_source_source")
        ),
        sa.PrimaryKeyConstraint("relationship_id", "source", name=op.f("pk_relationship_source")),
    )
    with op.batch_alter_table("relationship_source", schema=None) as batch_op:
        batch_op.create_index("ix_relationship_source_run_id", ["run_id"], unique=False)
        batch_op.create_index("ix_relationship_source_source", ["source"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("relationship_source", schema=None) as batch_op:
        batch_op.drop_index("ix_relationship_source_source")
        batch_op.drop_index("ix_relationship_source_run_id")

    op.drop_table("relationship_source")
    with op.batch_alter_table("relationship", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_relationship_ungrouped",
            sqlite_where=sa.text("group_id IS NULL"),
            postgresql_where=sa.text("group_id IS NULL"),
        )
        batch_op.drop_index("ix_relationship_provider_id")
        batch_op.drop_index("ix_relationship_group_id")

    op.drop_table("relationship")
    op.drop_table("redundancy_group")
    with op.batch_alter_table("kept_apart", schema=None) as batch_op:
        batch_op.drop_index("ix_kept_apart_other_id")

    op.drop_table("kept_apart")
    with op.batch_alter_table("identifier", schema=None) as batch_op:
        batch_op.drop_index("ix_identifier_ci_id")

    op.drop_table("identifier")
    with op.batch_alter_table("identification_review", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identification_review_state"))

    op.drop_table("identification_review")
    with op.batch_alter_table("external_key", schema=None) as batch_op:
        batch_op.drop_index("ix_external_key_created_run")
        batch_op.drop_index("ix_external_key_ci_id")

    op.drop_table("external_key")
    with op.batch_alter_table("ci_merge", schema=None) as batch_op:
        batch_op.drop_index("ix_ci_merge_winner_id")
        batch_op.drop_index("ix_ci_merge_loser_id")

    op.drop_table("ci_merge")
    with op.batch_alter_table("affected_ci", schema=None) as batch_op:
        batch_op.drop_index("ix_affected_ci_name")
        batch_op.drop_index("ix_affected_ci_ci_id")

    op.drop_table("affected_ci")
    with op.batch_alter_table("sync_page", schema=None) as batch_op:
        batch_op.drop_index("ix_sync_page_run_id")

    op.drop_table("sync_page")
    with op.batch_alter_table("search_passage", schema=None) as batch_op:
        batch_op.drop_index("ix_search_passage_content_hash")

    op.drop_table("search_passage")
    op.drop_table("import_file")
    with op.batch_alter_table("import_change", schema=None) as batch_op:
        batch_op.drop_index("ix_import_change_run_id")

    op.drop_table("import_change")
    with op.batch_alter_table("configuration_item", schema=None) as batch_op:
        batch_op.drop_index("ix_configuration_item_folded_name")
        batch_op.drop_index("ix_configuration_item_ci_class_status")

    op.drop_table("configuration_item")
    with op.batch_alter_table("sync_run", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sync_run_open",
            sqlite_where=sa.text("state IN ('queued', 'running')"),
            postgresql_where=sa.text("state IN ('queued', 'running')"),
        )
        batch_op.drop_index("ix_sync_run_source")

    op.drop_table("sync_run")
    op.drop_table("source_precedence")
    op.drop_table("source")
    op.drop_table("search_vector")
    op.drop_table("search_document")
    op.drop_table("revision_counter")
    with op.batch_alter_table("revision_change", schema=None) as batch_op:
        batch_op.drop_index("ix_revision_change_revision")

    op.drop_table("revision_change")
    op.drop_table("relationship_type")
    with op.batch_alter_table("record_link", schema=None) as batch_op:
        batch_op.drop_index("ix_record_link_to_kind_to_number")

    op.drop_table("record_link")
    op.drop_table("known_error")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_job_queued",
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.drop_index("ix_job_state_run_after")

    op.drop_table("job")
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incident_status"))
        batch_op.drop_index(batch_op.f("ix_incident_opened_at"))
        batch_op.drop_index(batch_op.f("ix_incident_known_error"))

    op.drop_table("incident")
    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_run_created_at"))

    op.drop_table("import_run")
    with op.batch_alter_table("health_snapshot", schema=None) as batch_op:
        batch_op.drop_index("ix_health_snapshot_part_name_at")
        batch_op.drop_index("ix_health_snapshot_at")

    op.drop_table("health_snapshot")
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.drop_index("ix_feedback_suggestion")

    op.drop_table("feedback")
    op.drop_table("ci_class")
    op.drop_table("change")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entry_entity_entity_id")
        batch_op.drop_index(batch_op.f("ix_audit_entry_at"))

    op.drop_table("audit_entry")
    op.drop_table("article")
    op.drop_table("api_key")
