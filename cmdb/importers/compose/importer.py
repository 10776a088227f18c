"""Docker Compose: `compose.yaml` and its like, also what `docker compose config` writes."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.compose.project import Projects, Reading
from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.yaml_or_json import documents_of

NAME = "compose"

_SERVICES_LINE = re.compile(rb"^services[ \t]*:", re.MULTILINE)
_FILE_NAME = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml", re.IGNORECASE)
_TELLING = frozenset(
    ["image", "build", "extends", "container_name", "depends_on", "deploy", "env_file", "provider"]
)
"""Of which a service in a Compose file has at least one."""


def recognises(file: OpenedFile) -> Recognition | None:
    """By a map of services that have images, builds and the like."""
    by_name = (
        Recognition.weakly("its name is that of a Compose file")
        if _FILE_NAME.fullmatch(re.split(r"[/\\]", file.name)[-1])
        else None
    )
    text = file.content.replace(b"\x00", b"")
    telling = b"services" in text if begins_json(file) else _SERVICES_LINE.search(text)
    if telling and any(map(_is_compose, documents_of(file))):
        return Recognition.by_content("it has services with an image, a build or the like")
    return by_name


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """The services and volumes of all projects."""
    projects = Projects(context.mapping)
    for file in sorted(files, key=_base_first):
        yield from projects.take(file)
    if files:
        yield from Reading(projects, context.mapping).items(min(file.name for file in files))


def _is_compose(document: Any) -> bool:
    if not isinstance(document, dict) or "apiVersion" in document:
        return False
    services = document.get("services")
    return isinstance(services, dict) and any(
        isinstance(each, dict) and each.keys() & _TELLING for each in services.values()
    )


def _base_first(file: OpenedFile) -> tuple[bool, str]:
    """The order in which files of one project are laid over each other."""
    return "override" in file.name.lower(), file.name
