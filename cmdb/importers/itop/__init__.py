"""iTop: its configuration items and what they say of each other, from REST, XML or CSV."""

from cmdb.importers.itop.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
