"""Which CI of the load a reference of ServiceNow means, and under which key."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from cmdb.importers.mapping import Mapping
from cmdb.importers.servicenow.files import Cell, Record, is_sys_id
from cmdb.names import fold

_BASE_TABLES = ("cmdb", "cmdb_ci")
_NOT_A_REFERENCE = frozenset({"sys_id", "name", "serial_number"})


class AmbiguousNameError(ValueError):
    """A display name that several CIs have; `candidates` are their keys."""

    def __init__(self, name: str, candidates: list[str]) -> None:
        super().__init__(name)
        self.name, self.candidates = name, candidates


class Names:
    """What people call the records that references name by sys_id."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, record: Record) -> None:
        """Take over what a record is called, and what it calls others."""
        own = record.text("sys_id")
        if is_sys_id(own) and (name := record.text("name")):
            self._names[own] = name
        for cell in record.cells.values():
            if is_sys_id(cell.value) and cell.display and cell.display != cell.value:
                self._names.setdefault(cell.value, cell.display)

    def name(self, field: str, cell: Cell) -> str:
        """The name that a reference shows or that another record says; empty where there is none"""
        if field in _NOT_A_REFERENCE or not is_sys_id(cell.value):
            return cell.display
        shown = "" if cell.display == cell.value else cell.display
        return shown or self._names.get(cell.value, "")


def source_class(records: Iterable[Record], mapping: Mapping) -> str:
    """The class that one or more records of a CI say: the field, else the table that holds them.

    Of a code and a label the mapping must know one; the code counts where it knows both.
    """
    said: list[str] = []
    for record in records:
        cell = record.cells.get("sys_class_name") or record.cells.get("class") or Cell("", "")
        said += [text for text in (cell.value, cell.display) if text]
    tables = [record.table for record in records if record.table]
    said += sorted(tables, key=lambda table: table in _BASE_TABLES)
    known = next((text for text in said if mapping.ci_class(text) is not None), None)
    return known or (said[0] if said else "(none)")


class CIKeys:
    """The CIs of a load by sys_id and by name."""

    def __init__(self, records: Iterable[Record], mapping: Mapping) -> None:
        """Put together the records that are about one CI: by sys_id, else by name and class."""
        self.groups: dict[str, list[Record]] = defaultdict(list)
        theirs = mapping.fields.get("name", "name")
        self._name_fields = [theirs] if isinstance(theirs, str) else theirs
        self._keys_by_name: dict[str, set[str]] = defaultdict(set)
        self._in_order: dict[str, list[str]] = {}
        """The same for names that were asked for: thousands may share one, and be asked for."""
        without_id: list[Record] = []
        for record in records:
            if own := record.text("sys_id"):
                self._add(own, record)
            else:
                without_id.append(record)
        classes = {
            key: mapping.ci_class(source_class(group, mapping))
            for key, group in self.groups.items()
        }
        for record in without_id:
            name = self._name(record)
            ci_class = mapping.ci_class(source_class([record], mapping))
            same = [
                key
                for key in sorted(self._keys_by_name.get(fold(name), ()))
                if classes.get(key) == ci_class
            ]
            self._add(same[0] if len(same) == 1 else name, record)

    def __iter__(self) -> Iterator[tuple[str, list[Record]]]:
        return iter(self.groups.items())

    def __bool__(self) -> bool:
        return bool(self.groups)

    def find(self, cell: Cell) -> str | None:
        """The key of the CI that a reference means; None where no file describes it.

        Raises AmbiguousNameError where it is only a name, and that of several.
        """
        if cell.value in self.groups:
            return cell.value
        if not cell.display:
            return None
        name = fold(cell.display)
        keys = self._in_order.get(name)
        if keys is None:
            keys = self._in_order[name] = sorted(self._keys_by_name.get(name, ()))
        if len(keys) > 1:
            raise AmbiguousNameError(cell.display, keys)
        return keys[0] if keys else None

    def _add(self, key: str, record: Record) -> None:
        self.groups[key].append(record)
        if name := self._name(record):
            self._keys_by_name[fold(name)].add(key)

    def _name(self, record: Record) -> str:
        return next((text for field in self._name_fields if (text := record.text(field))), "")
