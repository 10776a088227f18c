"""Which files of an archive or a folder are no inventory, by their names alone."""

from pathlib import PurePosixPath

_SUFFIXES = frozenset(
    [
        *(".md", ".markdown", ".rst", ".adoc", ".pdf", ".doc", ".docx", ".ppt", ".pptx", ".odt"),
        *(".htm", ".html", ".css", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp"),
        *(".sh", ".bash", ".ps1", ".bat", ".cmd", ".exe", ".dll", ".so", ".py", ".pyc", ".rb"),
        *(".js", ".ts", ".go", ".java", ".tf", ".tfvars", ".hcl", ".j2", ".sql", ".toml", ".lock"),
        *(".log", ".bak", ".tmp", ".swp", ".orig", ".pem", ".crt", ".cer", ".key", ".p12", ".pub"),
        *(".sha1", ".sha256", ".sha512", ".md5", ".sig", ".asc", ".db", ".sqlite"),
    ]
)
_STEMS = frozenset(
    [
        *("readme", "license", "licence", "copying", "notice", "authors", "changelog"),
        *("contributing", "codeowners", "makefile", "dockerfile", "jenkinsfile", "vagrantfile"),
        *("thumbs", "desktop", "checksums", "sha256sums", "md5sums"),
    ]
)
_MACOS = "__MACOSX"

CIS_FILE, RELATIONSHIPS_FILE = "configuration_items.csv", "relationships.csv"
"""What the two tables of an export are called."""


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is one that people do not see."""
    return part.startswith((".", "~$")) or part == _MACOS


def may_be_inventory(path: str) -> bool:
    """Whether a file of this path (with `/`) is worth a look.

    Only what surely is none is left out: a name that says nothing must be told, not passed over.
    """
    place = PurePosixPath(path)
    if any(is_hidden(part) for part in place.parts):
        return False
    return place.suffix.lower() not in _SUFFIXES and place.stem.lower() not in _STEMS


def told(names: list[str], most: int = 10) -> str:
    """Names in a sentence: the first few, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
