"""AWS Config: snapshots, answers to advanced queries, and other lists of configuration items."""

from cmdb.importers.aws_config.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
