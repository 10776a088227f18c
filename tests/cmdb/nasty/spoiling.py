"""Ways in which a file goes bad: each takes what is good and a source of chance, and spoils it."""
# ruff: noqa: E501 - tables of bad values are read by the row

import codecs
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Spoil = Callable[[bytes, Random], bytes]
"""Of bytes."""
SpoilDocument = Callable[[Any, Random], Any]
"""Of a decoded document; what it changes is its own copy."""

DEEP = "\x01deep\x01"
"""Stands in a document for nesting that no encoder would write; see `with_deep`."""

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53, 2**63, -(2**70), 10**400, float("nan"), float("inf")),
    *("", " ", "-", "N/A", "x", "\x00", "a\x00b", "\ud800", "\udcff", "\ufeff", "\u202e", "\U0001f600"),
    *("a\nb\r\nc", "\t", "=1+1", "@SUM(A1)", "+1", "%s%n", "{{ x }}", "${x}", "../../x", "null", "NO"),
    *("1,23E+05", "0123", "1e999", "9" * 5000, "0x10", "2026-13-45", "12:61", "é" * 300, "ﬀ", "İ"),
    *([], {}, [None], [[]], [{}], {"": None}, {"": {}}, [["x"]], {"name": {}}, ["x", 3, None]),
    *({"a": {"b": {"c": [1]}}}, "service:x", "50%", "10.0.0.300", "::ffff:1.2.3.4/99", "*", "[1:3]"),
    *("web[01:99999999]", "a:b:c:d", "arn:aws:::", "Server::12", "kind:ns/name", "=" * 1000),
)  # fmt: skip
JUNK = (
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\x1a", b'"', b"'", b"\\", b"{", b"]"),
    *(b"<", b"&x;", b"]]>", b"\r", b"\n\n", b"\t", b"---\n", b": ", b"#", b"*a", b"&a ", b"!x "),
    *(b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x85", b"\x1b[2J", b"\xf4\x90\x80\x80", b",,,,", b";"),
)


# Any bytes


def cut(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def without_head(content: bytes, chance: Random) -> bytes:
    return content[chance.randrange(len(content) + 1) :]


def flipped(content: bytes, chance: Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def junk_inserted(content: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice((1, 1, 3, 10))):
        at = chance.randrange(len(content) + 1)
        content = content[:at] + chance.choice(JUNK) + content[at:]
    return content


def slice_lost(content: bytes, chance: Random) -> bytes:
    begin = chance.randrange(len(content))
    return content[:begin] + content[begin + chance.randrange(1, 200) :]


def slice_repeated(content: bytes, chance: Random) -> bytes:
    begin = chance.randrange(len(content))
    piece = content[begin : begin + chance.randrange(1, 200)]
    return content[:begin] + piece * chance.choice((2, 3, 50)) + content[begin:]


def twice(content: bytes, chance: Random) -> bytes:
    return content + chance.choice((b"", b"\n", b"\x00")) + content


def lines_shuffled(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def lines_swapped(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    for _ in range(3):
        one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def other_line_ends(content: bytes, chance: Random) -> bytes:
    ends = (b"\r", b"\r\n", b"\n\r", b"\x0b", b"\xe2\x80\xa8", b"\x00\n")
    return content.replace(b"\n", chance.choice(ends))


def other_encoding(content: bytes, chance: Random) -> bytes:
    text = content.decode("utf-8", "replace").replace("e", "é", 3)
    name = chance.choice(("utf-16", "utf-16-be", "utf-16-le", "utf-32", "cp1252", "cp037", "utf-7"))
    return text.encode(name, "replace")


def mixed_encodings(content: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + "Müller €".encode("cp1252") + content[at:] + "Ünal".encode()


def marked(content: bytes, chance: Random) -> bytes:
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF8 * 2, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE)
    return chance.choice(marks) + content


def zipped(content: bytes, chance: Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in chance.choice((("a.json",), ("a.csv", "b.yaml"), ("../../etc/x.csv", "/"))):
            archive.writestr(name, content)
    return file.getvalue()


def gzipped(content: bytes, chance: Random) -> bytes:
    return gzip.compress(content, mtime=0)


ANY: tuple[Spoil, ...] = (
    *(cut, cut, without_head, flipped, flipped, junk_inserted, junk_inserted, slice_lost),
    *(slice_repeated, twice, lines_shuffled, lines_swapped, other_line_ends, other_encoding),
    *(mixed_encodings, marked, zipped, gzipped),
)


# Documents: JSON and YAML


def odd_values(document: Any, chance: Random) -> Any:
    for _ in range(chance.choice((1, 1, 2, 4))):
        parent, name = _place(document, chance)
        if parent is not None:
            parent[name] = chance.choice(ODD)
    return document


def odd_everywhere(document: Any, chance: Random) -> Any:
    """One odd value for a name, wherever it is."""
    odd, name = chance.choice(ODD), _name(document, chance)
    for parent in _objects(document):
        if name in parent:
            parent[name] = odd
    return document


def renamed(document: Any, chance: Random) -> Any:
    old, other = _name(document, chance), _name(document, chance)
    new = chance.choice((other, old.upper(), f" {old}", f"{old}s", "", "\x00", "__class__"))
    for parent in _objects(document):
        if old in parent:
            parent[new] = parent.pop(old)
    return document


def left_out(document: Any, chance: Random) -> Any:
    name = _name(document, chance)
    for parent in _objects(document):
        parent.pop(name, None)
    return document


def nested_deep(document: Any, chance: Random) -> Any:
    parent, name = _place(document, chance)
    if parent is None:
        return DEEP
    parent[name] = DEEP
    return document


def blown_up(document: Any, chance: Random) -> Any:
    for _ in range(20):
        parent, name = _place(document, chance)
        if parent is None:
            break
        value = parent[name]
        if isinstance(value, str):
            parent[name] = (value or "x") * (300_000 // max(1, len(value)))
            break
        if isinstance(value, list) and value and len(value) < 50:
            parent[name] = value * 40
            break
    return document


def pointing_in_circles(document: Any, chance: Random) -> Any:
    """All values of one name, handed around among those who have it."""
    name = _name(document, chance)
    having = [parent for parent in _objects(document) if name in parent]
    values = [parent[name] for parent in having]
    turned = values[1:] + values[:1] if chance.random() < 0.5 else values[:1] * len(values)
    for parent, value in zip(having, turned, strict=True):
        parent[name] = value
    return document


def pointing_elsewhere(document: Any, chance: Random) -> Any:
    """Texts that stand for one another, so that what names a thing names its neighbour."""
    texts = sorted({v for p, n in _places(document) if isinstance(v := p[n], str)})
    for _ in range(10 if texts else 0):
        parent, name = _place(document, chance)
        if isinstance(parent[name], str):
            parent[name] = chance.choice(texts)
    return document


def pointing_to_nothing(document: Any, chance: Random) -> Any:
    name = _name(document, chance)
    for number, parent in enumerate(_objects(document)):
        if isinstance(parent.get(name), str):
            parent[name] = f"nothing-{number}"
    return document


def lists_repeated(document: Any, chance: Random) -> Any:
    lists = [p[n] for p, n in _places(document) if isinstance(p[n], list) and p[n]]
    if isinstance(document, list):
        lists.append(document)
    for each in chance.sample(lists, min(3, len(lists))):
        each.extend(json.loads(json.dumps(each[:20])))
    return document


def reordered(document: Any, chance: Random) -> Any:
    for parent, name in _places(document):
        if isinstance(parent[name], list):
            chance.shuffle(parent[name])
    for each in _objects(document):
        members = list(each.items())
        chance.shuffle(members)
        each.clear()
        each.update(members)
    return document


def other_root(document: Any, chance: Random) -> Any:
    members = list(document.values()) if isinstance(document, dict) else document
    roots = [[document], {"x": document}, [document, None, 3], members, 5, "x", None, [], {}]
    return chance.choice(roots)


DOCUMENT: tuple[SpoilDocument, ...] = (
    *(odd_values, odd_values, odd_values, odd_everywhere, odd_everywhere, renamed, left_out),
    *(nested_deep, blown_up, pointing_in_circles, pointing_elsewhere, pointing_to_nothing),
    *(lists_repeated, reordered, other_root),
)


def with_deep(text: str, chance: Random) -> str:
    """`DEEP` written out."""
    depth = chance.choice((30, 60, 1_000, 100_000))
    if chance.random() < 0.5:
        deep = "[" * depth + "]" * depth
    else:
        deep = '{"a":' * depth + "1" + "}" * depth
    for written in (json.dumps(DEEP), json.dumps(DEEP)[1:-1], f'"{DEEP}"', DEEP):
        text = text.replace(written, deep)
    return text


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and item, as the object or list and the name or position in it."""
    waiting = [value]
    while waiting:
        parent = waiting.pop()
        if isinstance(parent, dict | list):
            inside = parent.items() if isinstance(parent, dict) else enumerate(parent)
            for name, each in list(inside):
                yield parent, name
                waiting.append(each)


def _place(document: Any, chance: Random) -> tuple[Any, Any]:
    places = list(_places(document))
    return chance.choice(places) if places else (None, None)


def _objects(document: Any) -> list[dict[Any, Any]]:
    found = [p[n] for p, n in _places(document) if isinstance(p[n], dict)]
    return [document, *found] if isinstance(document, dict) else found


def _name(document: Any, chance: Random) -> str:
    names = sorted({name for each in _objects(document) for name in each if isinstance(name, str)})
    return chance.choice(names) if names else "name"
