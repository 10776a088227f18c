"""XLSX workbooks."""

from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem


def is_xlsx(content: bytes) -> bool:
    """Whether this is a zip archive with a workbook in it."""
    return content.startswith(b"PK\x03\x04") and b"xl/" in content[:4096]


def read_xlsx(file: InputFile) -> dict[str, list[tuple[int, list[str] | Problem]]] | Problem:
    """Rows by the name of their sheet."""
    return problem("unreadable_xlsx", "not yet", where=Where(file.name))
