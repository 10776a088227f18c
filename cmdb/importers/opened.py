"""An input file with its forms (JSON, YAML, XML, tables), each made once, when it is asked for."""

from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element

from cmdb.importers.json_text import begins_json, parse_json
from cmdb.importers.records import InputFile
from cmdb.importers.tables import Table, read_tables
from cmdb.importers.xml_text import parse_xml
from cmdb.importers.yaml_text import parse_yaml
from cmdb.schemas import Problem

DEFAULT_DEPTH = 50


class OpenedFile(InputFile):
    """A file that recognisers and readers look at; what cannot be parsed is a Problem instead."""

    max_depth: int = DEFAULT_DEPTH

    @classmethod
    def of(cls, file: InputFile) -> "OpenedFile":
        """The same file, with its forms."""
        return file if isinstance(file, OpenedFile) else cls(file.name, file.content)

    @cached_property
    def json(self) -> Any:
        """The JSON document, or the Problem that keeps it from being one."""
        return parse_json(self)

    @cached_property
    def yaml(self) -> list[Any]:
        """The YAML documents, aliases followed; a JSON file is read as JSON, which is quicker.

        The last one is a Problem where the file could not be read to its end.
        """
        if begins_json(self) and not isinstance(self.json, Problem):
            return [self.json]
        return parse_yaml(self, self.max_depth, aliases=True)

    @cached_property
    def xml(self) -> Element | Problem:
        """The root element; entities and document types are refused."""
        return parse_xml(self, self.max_depth)

    @cached_property
    def tables(self) -> list[Table] | Problem:
        """The tables of a CSV (one) or XLSX (one a sheet) that have a header row."""
        return read_tables(self)
