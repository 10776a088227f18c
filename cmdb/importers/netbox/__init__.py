"""NetBox: list pages of its REST API, and exports of its tables as CSV."""

from cmdb.importers.netbox.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
