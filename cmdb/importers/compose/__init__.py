"""Docker Compose: `compose.yaml` and its like, also what `docker compose config` writes."""

from cmdb.importers.compose.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
