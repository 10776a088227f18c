"""A thousand files that something is wrong with, of every format, the same in every run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath
from random import Random

from cmdb.importers.records import InputFile
from cmdb.importers.registry import importers
from tests.cmdb.nasty.spoiling import ANY, ODD
from tests.cmdb.nasty.spoiling_texts import SPOILT, replaced_at

COUNT = 1_000
_SEED = "5"
_SOURCES = Path(__file__).parents[3] / "seed_data" / "sources"
_WORKBOOKS = 40
"""Cases with a workbook; each starts a process."""
_ENDINGS = (
    ".csv",
    ".json",
    ".yaml",
    ".xml",
    ".ini",
    ".txt",
    ".xlsx",
    ".tfstate",
    ".gz",
    ".zip",
    "",
)
_LONG_LIST = 12

_NATIVE_ITEMS = """key,name,ci_class,status,criticality,owner,ip_address,fqdn,serial_number,site
k-web,web,application,live,1,Ann,,,,FRA
k-db1,db1,database,,2,Bob,10.0.0.1,db1.example.org,S-0001,FRA
k-db2,db2,database,active,2,Böb,10.0.0.2,db2.example.org,S-0002,"HAM, 2"
k-srv,srv,server,planned,3,Ann,10.0.0.3,srv.example.org,S-0003,
"""
_NATIVE_EDGES = """dependent,provider,type,dependency,redundancy_group,min_up
k-web,k-db1,depends_on,,pair,1
k-web,db2,depends_on,,pair,
db2,db1,replicates_from,optional,,
db1,k-srv,runs_on,required,,
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A load that must end well, whatever is in its files."""

    name: str
    """The number, the format, the file that is spoilt and how."""
    files: tuple[InputFile, ...]
    format: str = "auto"
    mapping: InputFile | None = None


def cases(count: int = COUNT) -> Iterator[Case]:
    """`count` cases, all formats in turn."""
    for number in range(count):
        yield case(number, workbooks=count // _WORKBOOKS)


def case(number: int, *, workbooks: int = COUNT // _WORKBOOKS) -> Case:
    """The case of this number; one of `workbooks` spoils a workbook."""
    chance = Random(f"{_SEED}-{number}")
    is_book = number % workbooks == 0
    formats = [name for name, some in seeds().items() if is_book in map(_is_book, some)]
    name = formats[number % len(formats)]
    spoilable = [each for each in seeds()[name] if _is_book(each) is is_book]
    file = chance.choice(spoilable)
    spoilt, how = _spoil(file, chance)
    others = [each for each in seeds()[name] if each is not file and not _is_book(each)]
    files = (spoilt, *others) if chance.random() < 0.3 else (spoilt,)
    said = chance.choice(("auto", "auto", name, name, chance.choice(sorted(importers()))))
    mapping = _mapping_of(name, file) if said in ("auto", name) else None
    if mapping is not None and chance.random() < 0.08:
        files, how, mapping = (file, *others), "mapping", _spoilt_mapping(mapping, chance)
    return Case(f"{number} {name}/{file.name} as {said}: {how}", tuple(files), said, mapping)


@cache
def seeds() -> dict[str, tuple[InputFile, ...]]:
    """Good files of every format, small enough to be read a hundred times."""
    found = {
        folder.name: tuple(
            _shortened(InputFile(str(path.relative_to(folder)), path.read_bytes()))
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".toml"
        )
        for folder in sorted(_SOURCES.iterdir())
    }
    document = json.dumps(_native_document(), indent=1).encode()
    yaml = b"configuration_items:\n- {name: web, ci_class: application, owner: Ann}\n"
    yaml += b"- name: db1\n  ci_class: database\n  attributes:\n    ports: [5432]\n    site: FRA\n"
    yaml += (
        b"relationships:\n- dependent: web\n  provider: db1\n  redundancy_group: g\n  min_up: 1\n"
    )
    return found | {
        "native_csv": (
            InputFile("items.csv", _NATIVE_ITEMS.encode()),
            InputFile("edges.csv", _NATIVE_EDGES.encode()),
        ),
        "native_json": (InputFile("all.json", document),),
        "native_yaml": (InputFile("all.yaml", yaml),),
    }


def _native_document() -> dict[str, object]:
    lines = [line.split(",") for line in _NATIVE_ITEMS.replace('"HAM, 2"', "HAM").splitlines()]
    edges = [line.split(",") for line in _NATIVE_EDGES.splitlines()]
    items = [dict(zip(lines[0][:-1], line, strict=False)) for line in lines[1:]]
    for item in items:
        item["attributes"] = {"site": "FRA", "disks": [1, 2, {"size": 3.5}]}  # type: ignore[assignment]
    return {
        "configuration_items": items,
        "relationships": [dict(zip(edges[0], line, strict=False)) for line in edges[1:]],
    }


def _shortened(file: InputFile) -> InputFile:
    """JSON with short lists."""
    if PurePath(file.name).suffix != ".json":
        return file

    def short(value: object) -> object:
        if isinstance(value, dict):
            return {name: short(each) for name, each in value.items()}
        if isinstance(value, list):
            return [short(each) for each in value[:_LONG_LIST]]
        return value

    return replace(file, content=json.dumps(short(json.loads(file.content)), indent=1).encode())


def _is_book(file: InputFile) -> bool:
    return file.name.endswith(".xlsx")


def _spoil(file: InputFile, chance: Random) -> tuple[InputFile, str]:
    """The file with one or two things done to it, and what that was."""
    by_kind = SPOILT[PurePath(file.name).suffix]
    content, name, done = file.content, file.name, []
    if chance.random() < 0.7:
        content = by_kind(content, chance)
        done.append(by_kind.__name__)
    if not done or chance.random() < 0.25:
        spoil = chance.choice(ANY)
        content = spoil(content or b"x", chance)
        done.append(spoil.__name__)
    if chance.random() < 0.15:
        name = PurePath(name).stem + chance.choice(_ENDINGS)
        done.append(f"called {name}")
    return InputFile(name, content), ", ".join(done)


def _mapping_of(name: str, file: InputFile) -> InputFile | None:
    folder = _SOURCES / name
    for path in (folder / f"{PurePath(file.name).stem}.toml", folder / "mapping.toml"):
        if path.is_file():
            return InputFile(path.name, path.read_bytes())
    return None


def _spoilt_mapping(mapping: InputFile, chance: Random) -> InputFile:
    content = mapping.content
    if chance.random() < 0.5:
        text = content.decode()
        written = json.dumps(chance.choice(ODD)).replace("null", "{}").replace("NaN", "nan")
        pattern = chance.choice((r'= "[^"]*"', r"= \S+", r"^\w+ ", r"\[\w+\]"))
        text = replaced_at(text, pattern, lambda found: found[:2] + written, chance)
        content = text.encode("utf-8", "replace")
    else:
        content = chance.choice(ANY)(content, chance)
    return replace(mapping, content=content)
