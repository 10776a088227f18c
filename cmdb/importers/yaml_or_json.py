"""Documents of formats that are written as YAML and as JSON alike."""

from typing import Any

from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.schemas import Problem


def documents_of(file: OpenedFile) -> list[Any]:
    """The documents, the last a Problem where there was one: JSON's, where the file looks like
    JSON and is not called YAML."""
    found = file.yaml
    called_yaml = file.name.lower().endswith((".yaml", ".yml"))
    if begins_json(file) and not called_yaml and any(isinstance(each, Problem) for each in found):
        return [file.json]
    return found
