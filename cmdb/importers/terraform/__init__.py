"""Terraform and OpenTofu: the resources of a state or plan, and what they depend on."""

from cmdb.importers.terraform.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
