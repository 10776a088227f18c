"""The CMDB: configuration items, relationships, importers, the dependency graph and impact."""
