"""Backstage's software catalogue: `catalog-info.yaml` files, or the JSON of its API."""

from cmdb.importers.backstage.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
