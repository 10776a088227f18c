"""iTop: its configuration items and what they say of each other, from REST, XML or CSV."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.gathered import gathered
from cmdb.importers.itop.files import (
    OBJECT_KEY,
    XML_ROOT,
    ClassSeen,
    Object,
    link_classes,
    option_list,
    read_file,
)
from cmdb.importers.itop.groups import Relation, grouped
from cmdb.importers.itop.keys import AmbiguousNameError, Keys, OtherNames, reference_names
from cmdb.importers.json_text import begins_json
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, Where
from cmdb.importers.xml_text import begins_xml
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "itop"

_OWN_COLUMNS = frozenset(
    [
        *("finalclass", "ci sub-class", "business_criticity", "move2production", "serialnumber"),
        *("move to production date", "managementip", "functionalci_id", "org_id"),
    ]
)
_CONTACT_LINK = "lnkContactToFunctionalCI"
_UPLINK = ("uplink", "up link")


def recognises(file: OpenedFile) -> Recognition | None:
    """By objects called `Class::id`, by `<Set>`, or by iTop's attribute codes and labels."""
    if begins_json(file):
        document = file.json
        objects = document.get("objects") if isinstance(document, dict) else None
        if isinstance(objects, dict) and any(OBJECT_KEY.fullmatch(str(name)) for name in objects):
            return Recognition.by_content("its objects are called Class::id")
        if not isinstance(document, dict) or not document.keys() >= {"objects", "code", "message"}:
            return None
        return Recognition.by_content("it has objects, code and message")
    if begins_xml(file):
        root = file.xml
        if isinstance(root, Problem) or root.tag != XML_ROOT:
            return None
        return Recognition.by_content(f"it is a <{XML_ROOT}> of objects")
    tables = file.tables
    if PurePath(file.name).name.startswith("lnk") and not isinstance(tables, Problem):
        return Recognition.by_content("it is named after a class of links")
    for table in tables if isinstance(tables, list) else ():
        header = {column.casefold() for column in table.header}
        own = sorted(header & _OWN_COLUMNS) or sorted(name for name in header if "->" in name)
        if own:
            return Recognition.by_content(f"it has the column {own[0]}")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """CIs, then relationships. References are looked up among the objects of all files."""
    yield from gathered(_Load(context), files)


class _Load:
    """The objects of all files of one load, and what was left out of them."""

    def __init__(self, context: ReadContext) -> None:
        self.mapping = context.mapping
        self.mapped = MappedRecords(self.mapping)
        self.doubtful = DoubtfulValues()
        self.keys, self.others = Keys(), OtherNames()
        self.items: list[Object] = []
        self.links: list[Object] = []
        self.teams: dict[str, set[str]] = defaultdict(set)
        """By key of the CI: the teams that its contacts are."""
        self.left_out: Counter[str] = Counter()
        self.unknown_links: Counter[str] = Counter()
        self._link_ends = link_classes(self.mapping)
        self._no_cis = option_list(self.mapping, "no_cis")
        pairs = (line.partition(":") for line in option_list(self.mapping, "lists"))
        self._lists = {attribute.strip(): name.strip() for attribute, _, name in pairs}

    def take(self, file: OpenedFile) -> Iterator[Item]:
        """Keep what a file describes."""
        for item in read_file(file, self.mapping):
            if isinstance(item, ClassSeen):
                if self._is_link(item.class_name):
                    yield KindSeen(Kind.RELATIONSHIP)
                elif not matches(item.class_name, self._no_cis):
                    yield KindSeen(Kind.CI)
            elif isinstance(item, Problem):
                yield item
            elif self._is_link(item.class_name):
                self.links.append(item)
            elif matches(item.class_name, self._no_cis):
                self.others.learn(item)
            else:
                self.items.append(item)
                self.keys.add(item)

    def cis(self) -> Iterator[Item]:
        """The CIs, with the teams that are their contacts."""
        self._learn_teams()
        for item in self.items:
            said = self._described(item)
            teams = sorted(self.teams.get(item.own_key, ()))
            if teams:
                said["team"] = teams[0]
            if len(teams) > 1:
                said["teams"] = ", ".join(teams)
            made = self.mapped.ci(item.where, item.key, item.class_name or "(none)", said)
            if made is None:
                continue
            if not item.key:
                del made.fields["key"]
            yield self.doubtful.set_aside(made)

    def relationships(self) -> Iterator[Item]:
        """What references, link objects and link sets say, each relationship once."""
        found: dict[tuple[str, str, str], Relation] = {}
        for item in (*self._of_references(), *self._of_links()):
            if isinstance(item, Problem):
                yield item
            elif item.this == item.that:
                self.left_out["itself"] += 1
            else:
                found.setdefault((item.name, item.this, item.that), item)
        redundancy = {item.own_key: item.fields.get("redundancy", "") for item in self.items}
        yield from grouped(list(found.values()), redundancy, self.mapped)

    def warnings(self, file: str) -> Iterator[Problem]:
        """What was left out or not understood, with counts."""
        yield from self.mapped.warnings(file)
        yield from self.doubtful.warnings(file)
        for name, count in sorted(self.unknown_links.items()):
            yield problem(
                "unknown_link",
                f"left out {_records(count)}: the mapping does not say what the ends of {name} are",
                where=Where(file),
                severity=Severity.WARNING,
                value=name,
                hint=f'add to the mapping\'s option `links`: "{name}: dependent_id -> provider_id"',
            )
        for code, (message, hint) in _LEFT_OUT.items():
            if count := self.left_out[code]:
                yield problem(
                    code,
                    message.format(_records(count)),
                    where=Where(file),
                    severity=Severity.WARNING,
                    hint=hint,
                )

    def _is_link(self, class_name: str) -> bool:
        return class_name in self._link_ends or class_name.casefold().startswith("lnk")

    def _described(self, item: Object) -> dict[str, str]:
        """The fields of a CI, references by their names; those that are relationships left out."""
        said: dict[str, str] = {}
        for name, text in item.fields.items():
            attribute = re.sub(
                r"_id_(friendlyname|finalclass_recall|obsolescence_flag)$", "_id", name
            )
            base = attribute.removesuffix("_id")
            if base == attribute:
                beside = name.removesuffix("_name") + "_id"
                if beside not in item.fields and self._rule(item.class_name, beside) is None:
                    said[name] = text
            elif self._rule(item.class_name, attribute) is None:
                names = reference_names(item.fields, attribute)
                known = (
                    names[0] if names else self.others.name(base, item.fields.get(attribute, ""))
                )
                if known:
                    said[base] = known
                elif name == attribute and text != "0":
                    said[name] = text
        return said

    def _rule(self, class_name: str, attribute: str) -> str | None:
        """The name under which the mapping has a rule for a reference of a class."""
        own = f"{class_name}.{attribute}"
        return next((name for name in (own, attribute) if self.mapping.relationship(name)), None)

    def _of_references(self) -> Iterator[Relation | Problem]:
        for item in self.items:
            this = item.own_key
            attributes = dict.fromkeys(
                re.sub(r"(_id_friendlyname|_id|_name)$", "_id", name) for name in item.fields
            )
            for attribute in attributes:
                name = self._rule(item.class_name, attribute)
                if name is None or not attribute.endswith("_id"):
                    continue
                that = self._find(item.where, item.fields, attribute)
                if isinstance(that, Problem):
                    yield that
                elif that:
                    yield Relation(item.where, name, this, that)

    def _of_links(self) -> Iterator[Relation | Problem]:
        for link in self.links:
            if link.class_name == _CONTACT_LINK:
                continue
            ends = self._link_ends.get(link.class_name)
            if ends is None:
                self.unknown_links[link.class_name] += 1
                continue
            this, that = (self._find(link.where, link.fields, end) for end in ends)
            yield from self._relation(link.where, link.class_name, link.fields, this, that)
        for item in self.items:
            own = item.own_key
            for attribute, links in item.lists.items():
                class_name = self._lists.get(attribute, "")
                first, second = self._link_ends.get(class_name, ("", ""))
                for link_fields in links if first else ():
                    at_first = _names_end(link_fields, second)
                    other = self._find(item.where, link_fields, second if at_first else first)
                    this, that = (own, other) if at_first else (other, own)
                    yield from self._relation(item.where, class_name, link_fields, this, that)

    def _relation(
        self,
        where: Where,
        name: str,
        fields: Mapping[str, str],
        this: str | Problem | None,
        that: str | Problem | None,
    ) -> Iterator[Relation | Problem]:
        yield from (end for end in (this, that) if isinstance(end, Problem))
        if isinstance(this, str) and isinstance(that, str):
            if fields.get("connection_type", "").casefold() in _UPLINK:
                this, that = that, this
            yield Relation(where, name, this, that)

    def _find(
        self, where: Where, fields: Mapping[str, str], attribute: str
    ) -> str | Problem | None:
        if fields.get(attribute, "0") == "0" and not reference_names(fields, attribute):
            return None
        try:
            found = self.keys.find(fields, attribute)
        except AmbiguousNameError as error:
            return problem(
                "ambiguous_reference",
                f"{len(error.candidates)} CIs are called {error.name!r}: "
                f"{', '.join(error.candidates[:5])}",
                where=where,
                kind=Kind.RELATIONSHIP,
                column=attribute,
                value=error.name,
                hint=f"export the column {attribute} with the id, and `id` in every file",
            )
        if found is None:
            self.left_out["unknown_ends"] += 1
        return found

    def _learn_teams(self) -> None:
        for link in self.links:
            if link.class_name == _CONTACT_LINK and (team := self.others.team(link.fields)):
                ci = self._find(link.where, link.fields, "functionalci_id")
                if isinstance(ci, str):
                    self.teams[ci].add(team)
        for item in self.items:
            for link_fields in item.lists.get("contacts_list", ()):
                if team := self.others.team(link_fields):
                    self.teams[item.own_key].add(team)


_LEFT_OUT = {
    "unknown_ends": (
        "left out {}: a reference to an object that no file describes",
        "export the classes of these objects, too",
    ),
    "itself": ("left out {}: an object that refers to itself", None),
}


def _names_end(fields: Mapping[str, str], attribute: str) -> bool:
    return attribute in fields or bool(reference_names(fields, attribute))


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
