"""AWS Config: snapshots, answers to advanced queries, and other lists of configuration items."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.aws_config.items import Resource, decoded, is_item, listed, resources
from cmdb.importers.aws_config.links import Links
from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.gathered import Link
from cmdb.importers.group_sizes import within_sizes
from cmdb.importers.json_text import begins_json
from cmdb.importers.json_values import bounded, items, members
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.names import fold
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "aws_config"

_LOOKED_AT = 5
_SCALING_TAG = "aws:autoscaling:groupName"
_TAKEN = (
    *("resourceId", "resourceName", "resourceType", "awsRegion", "availabilityZone"),
    *("configurationItemStatus", "resourceCreationTime"),
)
"""Members of an item that are taken as they are."""


def recognises(file: OpenedFile) -> Recognition | None:
    """By the configuration items in it."""
    if not begins_json(file):
        return None
    document = file.json
    if isinstance(document, Problem):
        return None
    found = listed(document)
    if found is not None and any(is_item(decoded(each)) for each in found[1][:_LOOKED_AT]):
        return Recognition.by_content("it lists configuration items with an AWS resource type")
    if isinstance(document, dict) and {"fileVersion", "configurationItems"} <= document.keys():
        return Recognition.by_content("it has fileVersion and configurationItems")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """The resources of all files, then what they say of one another."""
    files = sorted(files, key=lambda file: (file.name, file.content))
    found: dict[str, Resource] = {}
    lists, whole = False, True
    for file in files:
        document = file.json
        if isinstance(document, Problem):
            yield document
            continue
        for item in resources(document, file.name):
            if isinstance(item, Problem):
                yield item
            elif item.key not in found or item.age > found[item.key].age:
                found[item.key] = item
        lists = lists or bool({"configurationItems", "Results"} & members(document).keys())
        if more := _says_more(document, file.name):
            whole = False
            yield more
    if files:
        yield from _records(dict(sorted(found.items())), files[0].name, context.mapping)
    if lists:
        for kind in Kind:
            yield KindSeen(kind, whole=whole)


def _records(found: dict[str, Resource], file: str, mapping: Mapping) -> Iterator[Item]:
    made = MappedRecords(mapping)
    doubtful = DoubtfulValues()
    patterns = _left_out_types(mapping)
    left_out = {kind for kind in {each.type for each in found.values()} if matches(kind, patterns)}
    kept = {
        key: each
        for key, each in found.items()
        if each.type not in left_out and not (each.deleted and not mapping.flag("keep_deleted"))
    }
    names = _names(kept, mapping)
    known: set[str] = set()
    for key, each in kept.items():
        record = made.ci(each.where, key, each.type, _said(each, names[key], mapping))
        if record is not None:
            known.add(key)
            yield doubtful.set_aside(record)
    links = Links(kept, mapping)
    yield from _relationships(links, known, made)
    if len(known) < len(found):
        yield problem(
            "left_out_by_rule",
            f"{len(found) - len(known):,} resources were left out as the mapping says, of the "
            f"types {_listed(each.type for key, each in found.items() if key not in known)}",
            where=Where(file),
            severity=Severity.WARNING,
            hint="`leave_out` and `keep_deleted` under [options], and [ignore], are these rules",
        )
    secrets = sum(each.has_secrets for key, each in kept.items() if key in known)
    if secrets:
        yield problem(
            "secrets_left_out",
            f"environment variables, user data and passwords of {secrets:,} resources were left "
            "out",
            where=Where(file),
            severity=Severity.WARNING,
        )
    yield from made.warnings(file)
    yield from doubtful.warnings(file)
    if links.outside:
        yield problem(
            "outside_this_load",
            f"{links.outside:,} relationships were left out, whose other end is not in this load "
            "or was left out",
            where=Where(file),
            severity=Severity.WARNING,
            hint="load the snapshots of all accounts and regions together",
        )


def _relationships(links: Links, known: set[str], made: MappedRecords) -> Iterator[Item]:
    """Each relationship once, although both sides state it: what the groups say counts first."""
    stated: dict[tuple[Any, ...], ParsedRecord] = {}
    for link in sorted(links, key=lambda each: each.group is None):
        if not {link.this, link.that} <= known:
            continue
        record = _relationship(link, made)
        if record is not None:
            fields = record.fields
            ends = (fields["dependent"], fields["provider"])
            grouped = (*ends, "redundancy_group")
            if "redundancy_group" in fields:
                stated.setdefault(grouped, record)
            elif grouped not in stated:
                stated.setdefault((*_in_order(ends, fields["type"]), fields["type"]), record)
    yield from within_sizes(stated.values())


def _in_order(ends: tuple[str, str], type_name: str) -> tuple[str, str]:
    """The ends as they are compared: what is related has no direction."""
    return (min(ends), max(ends)) if type_name == "related_to" else ends


def _relationship(link: Link, made: MappedRecords) -> ParsedRecord | None:
    return made.relationship(
        link.where, link.name, link.this, link.that, redundancy_group=link.group, min_up=link.min_up
    )


def _said(resource: Resource, name: str, mapping: Mapping) -> dict[str, Any]:
    """The fields of a resource. Of its configuration nothing is taken that the mapping does not
    name: user data, environment variables and the like are there too."""
    said = {each: bounded(resource.item.get(each)) for each in _TAKEN}
    said |= {"arn": resource.arn, "awsAccountId": resource.account, "name": name}
    tags = {fold(tag): value for tag, value in resource.tags.items()}
    for source in _named(mapping):
        where, _, rest = source.partition(".")
        if where == "tags":
            said[source] = tags.get(fold(rest))
        elif where == "configuration":
            said[source] = bounded(_at(resource.configuration, rest.split(".")))
    said["tags"] = resource.tags
    return said


def _named(mapping: Mapping) -> Iterator[str]:
    """The source's fields that the mapping names."""
    for theirs in mapping.fields.values():
        yield from [theirs] if isinstance(theirs, str) else theirs
    for rule in mapping.ignore.records:
        yield rule.field


def _at(value: Any, path: list[str]) -> Any:
    """What is below a path of names; of a list, what is there in each of its items."""
    for position, name in enumerate(path):
        if isinstance(value, list):
            found = [_at(each, path[position:]) for each in value]
            return [each for each in found if each is not None]
        value = members(value).get(name)
    return value


def _names(kept: dict[str, Resource], mapping: Mapping) -> dict[str, str]:
    """A name for each resource; where several of a type are called alike, the id belongs to it.

    The members of an auto scaling group come and go under one name.
    """
    plain = {
        key: str(
            next((value for tag, value in each.tags.items() if fold(tag) == "name" and value), None)
            or each.name
            or each.id
            or key
        )
        for key, each in kept.items()
    }
    alike = Counter((mapping.ci_class(kept[key].type), fold(name)) for key, name in plain.items())
    return {
        key: f"{name} ({kept[key].id})"
        if kept[key].id not in (None, name)
        and (
            alike[(mapping.ci_class(kept[key].type), fold(name))] > 1
            or _SCALING_TAG in kept[key].tags
        )
        else name
        for key, name in plain.items()
    }


def _says_more(document: Any, file: str) -> Problem | None:
    """A warning where the answer to a query says that it goes on."""
    token = members(document).get("NextToken") or members(document).get("nextToken")
    unprocessed = items(members(document).get("unprocessedResourceKeys"))
    if not token and not unprocessed:
        return None
    return problem(
        "incomplete_listing",
        "the answer says that there is more than it holds: nothing is retired",
        where=Where(file, None, ""),
        severity=Severity.WARNING,
        hint="fetch it to its end; the command line does so unless --no-paginate is given",
    )


def _left_out_types(mapping: Mapping) -> list[str]:
    said = mapping.options.get("leave_out", [])
    return said if isinstance(said, list) else [str(said)]


def _listed(types: Iterator[str]) -> str:
    counts = Counter(types)
    return ", ".join(f"{name or '?'} ({count:,})" for name, count in sorted(counts.items()))
