"""NetBox: list pages of its REST API, and exports of its tables as CSV."""

from collections.abc import Iterator, Sequence

from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.gathered import Link
from cmdb.importers.group_sizes import within_sizes
from cmdb.importers.json_text import begins_json
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.netbox.cables import Cables
from cmdb.importers.netbox.index import Index
from cmdb.importers.netbox.links import links
from cmdb.importers.netbox.objects import (
    NetBoxObject,
    endpoint_of,
    is_page,
    kind_of,
    listed,
    missing_pages,
    objects,
    pages,
)
from cmdb.importers.netbox.records import Names, ci, has_ci, has_context, mac_addresses
from cmdb.importers.netbox.tables import rows, table_kind
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.importers.xml_text import begins_xml
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "netbox"
_LOOKED_AT = 5
"""Objects of a list that recognising looks at."""


def recognises(file: OpenedFile) -> Recognition | None:
    """By the addresses of the API that its objects have, or by the columns of a table."""
    if begins_json(file):
        return _recognises_json(file)
    if begins_xml(file):
        return None
    tables = file.tables
    if isinstance(tables, Problem):
        return None
    for table in tables:
        if found := table_kind(table):
            columns = ", ".join(sorted(found[1]))
            return Recognition.by_content(f"its columns are those of NetBox's table: {columns}")
    return None


def _recognises_json(file: OpenedFile) -> Recognition | None:
    document = file.json
    if isinstance(document, Problem):
        return None
    candidates = pages(document) or [document]
    for each in candidates[:_LOOKED_AT]:
        entries = (listed(each) or ("", []))[1][:_LOOKED_AT]
        for entry in entries:
            if isinstance(entry, dict) and kind_of(entry) and endpoint_of(entry):
                return Recognition.by_content("its objects have addresses of NetBox's API")
    if is_page(document) and not document["results"] and {"next", "previous"} <= document.keys():
        return Recognition.by_content("it is an empty list page as NetBox's API gives it")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """The CIs of all pages and tables, then what they say of one another."""
    if not files:
        return
    files = sorted(files, key=lambda file: (file.name, file.content))
    first = files[0].name
    found: list[NetBoxObject] = []
    listings = []
    lists = False
    for file in files:
        items = _objects(file)
        if isinstance(items, Problem):
            yield items
            continue
        lists = True
        for item in items:
            if isinstance(item, Problem):
                yield item
            elif item.id is None and item.name is None:
                yield problem(
                    "netbox_object_without_id",
                    "this object has neither `id` nor `name`",
                    where=item.where,
                    kind=Kind.CI,
                )
            else:
                found.append(item)
        if begins_json(file):
            listings += [(file.name, page) for page in pages(file.json)]
    yield from _records(found, first, context)
    missing = list(missing_pages(listings))
    yield from missing
    if lists:
        for kind in Kind:
            yield KindSeen(kind, whole=not missing)


def _objects(file: OpenedFile) -> Iterator[NetBoxObject | Problem] | Problem:
    if begins_json(file):
        document = file.json
        return document if isinstance(document, Problem) else objects(document, file.name)
    tables = file.tables
    return tables if isinstance(tables, Problem) else rows(tables, file.name)


def _records(found: list[NetBoxObject], file: str, context: ReadContext) -> Iterator[Item]:
    mapping = context.mapping
    made = MappedRecords(mapping)
    doubtful = DoubtfulValues()
    index = Index(found, make_named=mapping.flag("make_what_is_only_named"))
    macs = mac_addresses(found, index)
    cables = Cables(index, mapping)
    every_link = [*links(index, mapping), *cables.links()]
    things = {**index.things, **index.made}
    names = Names(made, things)
    kept: set[str] = set()
    left_out = 0
    for key, thing in [*things.items(), *index.repeated]:
        if not has_ci(thing):
            continue
        record = ci(made, key, thing, names.of(key), macs.get(key, []))
        if record is None:
            left_out += 1
        else:
            kept.add(key)
            yield doubtful.set_aside(record)
    yield from within_sizes(
        record for link in every_link if (record := _relationship(link, kept, made))
    )
    if left_out:
        yield _left_out(left_out, file)
    contexts = sum(has_context(each) for each in things.values())
    if contexts:
        yield problem(
            "secrets_left_out",
            f"the configuration contexts of {contexts:,} objects were left out: people keep "
            "credentials in them",
            where=Where(file),
            severity=Severity.WARNING,
        )
    yield from made.warnings(file)
    yield from doubtful.warnings(file)
    yield from index.warnings(file)
    yield from cables.warnings(file)


def _relationship(link: Link, kept: set[str], made: MappedRecords) -> ParsedRecord | None:
    if not {link.this, link.that} <= kept:
        return None
    return made.relationship(
        link.where, link.name, link.this, link.that, redundancy_group=link.group, min_up=link.min_up
    )


def _left_out(count: int, file: str) -> Problem:
    return problem(
        "left_out_by_rule",
        f"{count:,} objects were left out, and what leads to them, as the mapping's [ignore] says",
        where=Where(file),
        severity=Severity.WARNING,
    )
