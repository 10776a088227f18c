"""Ways in which a file of one kind goes bad: JSON, YAML, CSV, XML, INI and workbooks."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

from openpyxl import load_workbook
from ruamel.yaml import YAML

from tests.cmdb.importers.workbooks import saved, with_part
from tests.cmdb.nasty.spoiling import DOCUMENT, ODD, Spoil, with_deep

_JSON_PIECES = (
    *("NaN", "-Infinity", "1e999", "-0", "99999999999999999999", "1" * 5000, r'"\ud800"', "'x'"),
    *(r'"\u0000"', "/* x */", ",", "[", "}", "nul", "0x10", "01", "+1", '"\t"', "// x\n"),
)
_YAML_LINES = (
    *(
        "x: *nowhere",
        "a: &a [*a]",
        "<<: *a",
        "<<: 5",
        "<<: [1, {a: b}]",
        "x: !!python/object:os {}",
    ),
    *("x: !!binary aGk=", "? [a, b]\n: c", "%YAML 9.9", "--- &a", "...", "---", "\tx: y", "x: |9"),
    *(
        "- x",
        "x: @y",
        "x: `y`",
        "x: 'y",
        'x: "\\ud800"',
        'x: "\\x00"',
        "x: .inf",
        "x: 0o9",
        "x: !y z",
    ),
    *("&a x: &b {<<: *a}", "x: 1:30", "x: NO", "? ", ": ", "!!set {a, b}", "{", "x: [", "!<x y"),
    *("a: &a {b: &b {c: *a}}", "x: " + "9" * 400, "x: 2026-13-45", "null: null", "[]: {}", "~: ~"),
)
_XML_PIECES = (
    *("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", "&x;", "&#0;", "&#xD800;", "<a>"),
    *("<![CDATA[x", "<!-- -- -->", "</a>", "<?x?>", "<x xmlns:y='z' y:y='1'/>", "<y:x/>", "\x00"),
    *("<![CDATA[" + "x" * 300_000 + "]]>", "<a>" * 60, "<a b='1' b='2'/>", "<\u00e9/>", "]]>"),
)
_INI_LINES = (
    *("[", "[]", "[a:b:c]", "[all:children]\nall", "[a:children]\nb\n[b:children]\na", "x=y=z"),
    *("web[01:99999999]", "web[z:a]", "web[1:", "h a='b", 'h a="\\', "h\x00", "=x", "[a:vars]\n=1"),
    *("h ansible_host={{ x }}", "h a=" + "x" * 300_000, "[a:nonsense]\nx", "h[1:3][1:3][1:999]"),
)


def json_spoilt(content: bytes, chance: Random) -> bytes:
    """One document, spoilt as such; now and then as text, too."""
    text = json.dumps(_spoilt(json.loads(content), chance), ensure_ascii=chance.random() < 0.5)
    text = with_deep(text, chance)
    if chance.random() < 0.3:
        text = replaced_at(text, r'"[^"\\]{1,20}": ', lambda found: f"{found}null, {found}", chance)
    if chance.random() < 0.3:
        text = replaced_at(
            text, r": [^,{}\[\]]+", lambda _: f": {chance.choice(_JSON_PIECES)}", chance
        )
    return text.encode("utf-8", "surrogatepass")


def yaml_spoilt(content: bytes, chance: Random) -> bytes:
    """Documents spoilt as such, or with lines that are no good."""
    if chance.random() < 0.5 or b": !" in content:  # a tag that ends our own reading
        lines = content.decode().split("\n")
        for _ in range(chance.choice((1, 2, 4))):
            at = chance.randrange(len(lines))
            indented = re.match(" *", lines[at])
            lines.insert(at, (indented[0] if indented else "") + chance.choice(_YAML_LINES))
        return "\n".join(lines).encode("utf-8", "surrogatepass")
    documents = [_spoilt(each, chance) for each in YAML(typ="safe", pure=True).load_all(content)]
    if chance.random() < 0.5:
        text = "\n---\n".join(json.dumps(each, default=str) for each in documents)
    else:
        stream = io.StringIO()
        try:
            YAML(typ="safe", pure=True).dump_all(documents, stream)
        except Exception:
            return json.dumps(documents, default=str).encode()
        text = stream.getvalue()
    return with_deep(text, chance).encode("utf-8", "surrogatepass")


def csv_spoilt(content: bytes, chance: Random) -> bytes:
    """A table with odd cells, rows and headers."""
    text = content.decode("utf-8-sig", "replace")
    delimiter = max(",;\t", key=text.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    for _ in range(chance.choice((1, 2, 3))):
        chance.choice(_OF_ROWS)(rows, chance)
    out = io.StringIO()
    delimiter = chance.choice((delimiter, delimiter, delimiter, ",", ";", "\t", "|", "^"))
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    written = out.getvalue()
    if chance.random() < 0.2:
        at = chance.randrange(len(written) + 1)
        written = written[:at] + chance.choice(('"', '""', '"x', "\x00", "\r")) + written[at:]
    if chance.random() < 0.1:
        written = f"sep={delimiter}\n{written}"
    return written.encode(chance.choice(("utf-8", "utf-8-sig", "utf-16", "cp1252")), "replace")


def xml_spoilt(content: bytes, chance: Random) -> bytes:
    """XML with pieces that are dangerous, wrong, or in the wrong place."""
    text = content.decode()
    for _ in range(chance.choice((1, 2, 4))):
        what = chance.randrange(4)
        if what == 0:
            text = replaced_at(text, r">", lambda _: f">{chance.choice(_XML_PIECES)}", chance)
        elif what == 1:
            odd = str(chance.choice(ODD)).replace("<", "").replace("&", "")
            text = replaced_at(text, r">[^<>]+<", lambda _, odd=odd: f">{odd}<", chance)  # type: ignore[misc]
        elif what == 2:
            name = chance.choice(re.findall(r"<(\w+)", text) or ["x"])
            text = re.sub(rf"(</?){name}\b", rf"\g<1>{chance.choice(('x', 'name', 'id'))}", text)
        else:
            encoding = chance.choice(("utf-16", "ebcdic", "latin1", "", "utf-7", "idna"))
            text = re.sub(r'encoding=["\'][^"\']*["\']', f'encoding="{encoding}"', text)
    return text.encode("utf-8", "surrogatepass")


def ini_spoilt(content: bytes, chance: Random) -> bytes:
    """INI with lines that are no good."""
    lines = content.decode().split("\n")
    for _ in range(chance.choice((1, 2, 4))):
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(_INI_LINES))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def workbook_spoilt(content: bytes, chance: Random) -> bytes:
    """A workbook with odd cells, or with parts that are damaged."""
    if chance.random() < 0.5:
        book = load_workbook(io.BytesIO(content))
        for _ in range(chance.choice((1, 3, 10))):
            sheet = chance.choice(book.worksheets)
            at = chance.randrange(1, sheet.max_row + 2), chance.randrange(1, sheet.max_column + 2)
            value = chance.choice((*_CELLS, chance.randrange(10**6), "x" * 32_767))
            sheet._cells.pop(at, None)  # it may be part of a merged one
            sheet.cell(*at).value = value
        return saved(book)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = chance.choice([each for each in archive.namelist() if each.endswith("xml")])
        text = archive.read(name).decode()
    what = chance.randrange(4)
    if what == 0:
        return with_part(content, name, None)
    if what == 1:
        text = text[: chance.randrange(len(text))]
    elif what == 2:
        text = re.sub(
            r'(\sr?="[A-Z]?)\d+', lambda found: f"{found[1]}{chance.randrange(10**7)}", text
        )
    else:
        text = replaced_at(text, r"<v>[^<]*</v>", lambda _: "<v>99999999</v>", chance)
    return with_part(content, name, text)


_CELLS = ("=1+1", "=HYPERLINK(A1)", "#REF!", None, True, -1, 1e308, "N/A", "a\nb", "Total", "é")

SPOILT: dict[str, Spoil] = {
    ".json": json_spoilt,
    ".tfstate": json_spoilt,
    ".yaml": yaml_spoilt,
    ".yml": yaml_spoilt,
    ".csv": csv_spoilt,
    ".xml": xml_spoilt,
    ".ini": ini_spoilt,
    ".xlsx": workbook_spoilt,
}
"""By the ending of the file's name."""


def _spoilt(document: Any, chance: Random) -> Any:
    for _ in range(chance.choice((1, 1, 2, 3))):
        document = chance.choice(DOCUMENT)(document, chance)
    return document


def replaced_at(text: str, pattern: str, replacement: Callable[[str], str], chance: Random) -> str:
    """`text` with one of the matches replaced."""
    matches = list(re.finditer(pattern, text))
    if not matches:
        return text
    match = chance.choice(matches)
    return text[: match.start()] + replacement(match[0]) + text[match.end() :]


def _odd_cell(rows: list[list[str]], chance: Random) -> None:
    row = chance.choice(rows)
    if row:
        odd = chance.choice(ODD)
        row[chance.randrange(len(row))] = "" if isinstance(odd, dict | list) else str(odd)


def _odd_column(rows: list[list[str]], chance: Random) -> None:
    at, odd = chance.randrange(len(rows[0]) or 1), str(chance.choice(ODD))
    for row in rows[1:]:
        if at < len(row):
            row[at] = odd


def _other_header(rows: list[list[str]], chance: Random) -> None:
    header = rows[0]
    if header:
        at = chance.randrange(len(header))
        odd = ("", "x", header[0], header[at].upper(), f" {header[at]} ", header[at][1:], "=A1")
        header[at] = chance.choice(odd)


def _moved_cells(rows: list[list[str]], chance: Random) -> None:
    row = chance.choice(rows)
    if row and chance.random() < 0.5:
        del row[chance.randrange(len(row))]
    else:
        row.insert(chance.randrange(len(row) + 1), "more")


def _moved_columns(rows: list[list[str]], chance: Random) -> None:
    order = list(range(max(map(len, rows))))
    chance.shuffle(order)
    rows[:] = [[row[at] for at in order if at < len(row)] for row in rows]


def _moved_rows(rows: list[list[str]], chance: Random) -> None:
    chance.shuffle(rows)


def _more_rows(rows: list[list[str]], chance: Random) -> None:
    more: tuple[list[str], ...] = (
        ["Total", str(len(rows))],
        [],
        ["Inventory of everything"],
        ["x" * 200_000],
        rows[0][:],
    )
    rows.insert(chance.randrange(len(rows) + 1), list(chance.choice(more)))


def _same_rows(rows: list[list[str]], chance: Random) -> None:
    rows += [list(row) for row in rows[1:8]]


def _handed_around(rows: list[list[str]], chance: Random) -> None:
    at = chance.randrange(len(rows[0]) or 1)
    having = [row for row in rows[1:] if at < len(row)]
    values = [row[at] for row in having]
    for row, value in zip(having, values[1:] + values[:1], strict=True):
        row[at] = value


_OF_ROWS = (
    *(_odd_cell, _odd_cell, _odd_column, _other_header, _moved_cells, _moved_columns),
    *(_moved_rows, _more_rows, _same_rows, _handed_around),
)
