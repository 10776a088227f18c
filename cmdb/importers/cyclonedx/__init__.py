"""CycloneDX bills of materials: applications, containers, services and what they depend on."""

from cmdb.importers.cyclonedx.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
