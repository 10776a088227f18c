"""Kubernetes: what `kubectl get -o json` or `-o yaml` writes, and manifests.

All files of a load are one cluster and are seen together: a Service in one selects the Pods in
another.
"""

import re
from collections.abc import Iterator, Sequence

from cmdb.importers.json_text import begins_json
from cmdb.importers.kubernetes.objects import Objects, is_object, is_own_version
from cmdb.importers.kubernetes.reading import Reading
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition

NAME = "kubernetes"

_VERSION_LINE = re.compile(rb"^(?:- )?apiVersion: *[\"']?([A-Za-z0-9./-]+)[\"']? *\r?$", re.M)
_KIND_LINE = re.compile(rb"^(?:- |  )?kind: *[\"']?([A-Z][A-Za-z]+)[\"']? *\r?$", re.M)


def recognises(file: OpenedFile) -> Recognition | None:
    """By `apiVersion` and `kind`; those of Backstage, which has both, are not ours."""
    if begins_json(file):
        document = file.json
        entries = document if isinstance(document, list) else [document]
        found = next((each for each in entries if is_object(each)), None)
        if found is None:
            return None
        version, kind = str(found["apiVersion"]).strip(), str(found["kind"])
    else:
        text = file.content.replace(b"\x00", b"")  # UTF-16, as PowerShell's `>` writes it
        version_line, kind_line = _VERSION_LINE.search(text), _KIND_LINE.search(text)
        if version_line is None or kind_line is None:
            return None
        version, kind = version_line[1].decode(), kind_line[1].decode()
        if not is_object({"apiVersion": version, "kind": kind, "metadata": {}}):
            return None
    why = f"it has apiVersion {version} and kind {kind}"
    return Recognition.exactly(why) if is_own_version(version) else Recognition.by_content(why)


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """The CIs and relationships of one cluster."""
    objects = Objects(context.mapping.option("namespace", "default"))
    for file in files:
        yield from objects.take(file)
    if files:
        yield from Reading(objects, context.mapping).items(min(file.name for file in files))
