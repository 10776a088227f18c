"""Ansible inventories: `ansible-inventory --list`, and inventory files in YAML and INI.

All files of a load are one inventory, read in the order of their names as Ansible reads a folder.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.ansible import documents, ini
from cmdb.importers.ansible.hosts import records
from cmdb.importers.ansible.inventory import ALL, Inventory
from cmdb.importers.ansible.variables import Admission
from cmdb.importers.encoding import decode, encoding_of
from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Where
from cmdb.importers.yaml_text import parse_yaml
from cmdb.schemas import Problem, Severity

NAME = "ansible"

_HEAD = 65_536
"""Bytes by which an inventory in YAML or INI is recognised."""


def recognises(file: OpenedFile) -> Recognition | None:
    """By `_meta.hostvars`, by groups with hosts, or by sections with hosts in them."""
    if begins_json(file) and not isinstance(file.json, Problem):
        return _recognises_document(file.json)
    head = file.content[:_HEAD]
    if documents.looks_like_yaml(head):
        return Recognition.by_content("it has groups with hosts or children")
    if b"[" in head and ini.looks_like_inventory(_whole_lines(file, head)):
        return Recognition.by_content("it has sections with hosts in them")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Hosts, and those groups that the mapping asks for."""
    inventory = Inventory()
    admission = Admission(context.mapping, context.max_depth)
    unread = 0
    in_order = sorted(files, key=lambda each: (each.name, each.content))
    for file in in_order:
        failed = False
        for found in _take_in(file, inventory, admission, context.max_depth):
            failed = failed or (found.severity is Severity.ERROR and found.kind is None)
            yield found
        unread += failed
    if unread < len(files):
        yield from records(inventory, context.mapping, Where(in_order[0].name))
        yield from admission.warnings(Where(in_order[0].name))


def _recognises_document(document: Any) -> Recognition | None:
    if not isinstance(document, dict):
        return None
    meta = document.get(documents.META)
    if isinstance(meta, dict) and isinstance(meta.get("hostvars"), dict):
        return Recognition.exactly("it has _meta.hostvars")
    everything = document.get(ALL)
    if isinstance(everything, dict) and everything.keys() & documents.SECTIONS:
        return Recognition.by_content("its group all has hosts or children")
    return None


def _whole_lines(file: OpenedFile, head: bytes) -> str:
    text = head.decode(encoding_of(file.content), "replace")
    return text if len(head) == len(file.content) else text.rpartition("\n")[0]


def _take_in(
    file: OpenedFile, inventory: Inventory, admission: Admission, max_depth: int
) -> Iterator[Problem]:
    for document in _documents(file, max_depth):
        if isinstance(document, Problem):
            yield document
        elif isinstance(document, str):
            yield from ini.take_in(document, file.name, inventory, admission)
        else:
            yield from documents.take_in(document, file.name, inventory, admission)


def _documents(file: OpenedFile, max_depth: int) -> list[Any]:
    """The documents of a JSON or YAML inventory, or the text of one in INI."""
    if begins_json(file) and not isinstance(file.json, Problem):
        return [file.json]
    if not documents.looks_like_yaml(file.content[:_HEAD]):
        text = decode(file)
        if isinstance(text, Problem) or ini.is_ini(text):
            return [text]
        if begins_json(file):
            return [file.json]
    return parse_yaml(file, max_depth, aliases=True, unknown_tags=True)
