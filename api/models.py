"""Table of the API keys."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Groups, Model


class ApiKey(Model):
    """A key by its hash (HMAC-SHA256 with the pepper); the key itself is shown once, never kept."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str]
    role: Mapped[str]
    groups: Mapped[list[str]] = mapped_column(Groups, server_default=text("''"))
    digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
