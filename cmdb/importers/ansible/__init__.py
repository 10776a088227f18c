"""Ansible inventories: `ansible-inventory --list`, and inventory files in YAML and INI."""

from cmdb.importers.ansible.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
