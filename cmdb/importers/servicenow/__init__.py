"""ServiceNow: CIs (`cmdb_ci*`) and their relationships (`cmdb_rel_ci`), from any of its exports."""

from cmdb.importers.servicenow.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
