"""Any CSV or XLSX with a header row, by a mapping that says what its columns hold."""

from cmdb.importers.spreadsheet.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
