"""The classics of hostile and careless files, and what is to be said of each."""
# ruff: noqa: E501 - tables of bad values are read by the row

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cmdb.importers.records import InputFile
from tests.cmdb.importers.workbooks import with_part, with_sheet_xml, workbook
from tests.cmdb.nasty.generators import Case

CI = "name,ci_class"
EDGE = "dependent,provider,type"
_HUGE = "x" * 200_000
_LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
_LAUGHING_XML = f"<!DOCTYPE x [<!ENTITY l0 'ha'>{_LAUGHS}]>\n<unload><name>&l9;</name></unload>"
_LAUGHING_YAML = "a0: &a0 [ha]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@dataclass(frozen=True, slots=True)
class Classic:
    """A file, and the problem that its report must have; none: it is loaded, with no error."""

    file: str
    content: Callable[[], bytes]
    code: str | None = None
    row: int | None = None
    column: str | None = None
    format: str = "auto"
    records: int = 0
    """Of both kinds that the file has beside the bad ones, at least."""

    def case(self) -> Case:
        return Case(self.file, (InputFile(self.file, self.content()),), self.format)


def _text(text: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")


def _json(document: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(document).encode()


def _items(*items: dict[str, Any]) -> Callable[[], bytes]:
    return _json({"configuration_items": list(items)})


def _nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + closing * depth


def _bomb() -> bytes:
    """A gzip of 300 MB of blanks, made in pieces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * 1_000_000
    return b"".join(packer.compress(blank) for _ in range(300)) + packer.flush()


def _zip(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def _zip_bomb() -> bytes:
    return _zip(*((f"{n}.csv", b"a" * 20_000_000) for n in range(5)))


def _book() -> bytes:
    return workbook({"Sheet1": [["name", "ci_class"], ["a", "server"]]})


def _far_cell() -> bytes:
    cell = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'
    first = cell.format("A1", "name") + cell.format("B1", "ci_class")
    last = cell.format("XFD1048576", "x")
    return with_sheet_xml(f'<row r="1">{first}</row><row r="1048576">{last}</row>')


def _book_with_entities() -> bytes:
    return with_part(_book(), "xl/workbook.xml", _LAUGHING_XML)


def _many_members() -> bytes:
    return _zip(*((f"{n}.csv", b"") for n in range(12_000)))


def _wide(columns: int, cell: str) -> str:
    header = ",".join([CI, *(f"c{n}" for n in range(columns - 2))])
    return f"{header}\na,server{f',{cell}' * (columns - 2)}\n"


_K8S_LOOP = {
    "kind": "List",
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": "n",
                "uid": name,
                "ownerReferences": [{"kind": "ReplicaSet", "name": other, "uid": other}],
            },
        }
        for name, other in (("a", "b"), ("b", "a"))
    ],
}
_BACKSTAGE_LOOP = """apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: a}
spec: {type: service, owner: x, subcomponentOf: b, dependsOn: ['component:b', 'component:a']}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: b}
spec: {type: service, owner: x, subcomponentOf: a, dependsOn: ['component:a']}
"""
_COMPOSE_LOOP = """services:
  a: {image: x, depends_on: [b], extends: {service: b}}
  b: {image: x, depends_on: {a: {condition: service_started}}, extends: {service: a}}
"""
_ANSIBLE_LOOP = "[a:children]\nb\n[b:children]\na\n[a]\nhost-1\n[b]\nhost-2\n"
_TERRAFORM_LOOP = {
    "version": 4,
    "terraform_version": "1.9.0",
    "resources": [
        {
            "mode": "managed",
            "type": "aws_instance",
            "name": name,
            "instances": [{"attributes": {"id": name}, "dependencies": [f"aws_instance.{other}"]}],
        }
        for name, other in (("a", "b"), ("b", "a"))
    ],
}
_BOM_LOOP = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "components": [{"bom-ref": x, "type": "application", "name": x} for x in "ab"],
    "dependencies": [{"ref": "a", "dependsOn": ["b", "a"]}, {"ref": "b", "dependsOn": ["a"]}],
}
_AWS_LOOP = {
    "fileVersion": "1.0",
    "configurationItems": [
        {
            "resourceType": "AWS::EC2::Instance",
            "resourceId": one,
            "awsAccountId": "1",
            "awsRegion": "r",
            "configurationItemStatus": "OK",
            "relationships": [
                {
                    "resourceType": "AWS::EC2::Instance",
                    "resourceId": other,
                    "name": "Is contained in Instance",
                }
            ],
        }
        for one, other in (("i-1", "i-2"), ("i-2", "i-1"))
    ],
}

CLASSICS: dict[str, Classic] = {
    # Bombs
    "a billion laughs in XML": Classic("a.xml", _text(_LAUGHING_XML), "doctype_refused", 1),
    "an entity that grows quadratically": Classic(
        "a.xml",
        _text(f"<!DOCTYPE x [<!ENTITY a '{_HUGE}'>]>\n<unload>{'&a;' * 10_000}</unload>"),
        *("doctype_refused", 1),
    ),
    "an external entity": Classic(
        "a.xml",
        _text("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>\n<unload>&a;</unload>"),
        *("doctype_refused", 1),
    ),
    "an external document type": Classic(
        "a.xml",
        _text("<?xml version='1.0'?>\n<!DOCTYPE x SYSTEM 'http://example.org/x.dtd'><xml/>"),
        *("doctype_refused", 2),
    ),
    "aliases of aliases in native YAML": Classic(
        "a.yaml", _text("configuration_items:\n- &a {name: a, ci_class: server}\n- *a\n"),
        *("alias_refused", 3),
    ),
    "a billion laughs in YAML": Classic(
        "a.yaml", _text("services:\n  web: {image: x}\n" + _LAUGHING_YAML), "alias_bomb", 9,
        format="compose",
    ),
    "an alias of what it stands in": Classic(
        "a.yaml", _text("services: &a\n  web: *a\n"), "malformed_yaml", 2, format="compose"
    ),
    "a tag that makes objects": Classic(
        "a.yaml", _text("configuration_items: !!python/object/apply:os.system [id]\n"),
        *("tag_refused", 1),
    ),
    "a gzip bomb": Classic("a.csv.gz", _bomb, "archive_bomb"),
    "a zip bomb": Classic("a.zip", _zip_bomb, "archive_bomb"),
    "an archive in an archive": Classic(
        "a.zip", lambda: _zip(("b.zip", _zip(("c.csv", b"x")))), "nested_archive"
    ),
    "an archive of too many files": Classic("a.zip", _many_members, "too_many_files"),
    "a gzip that is cut off": Classic(
        "a.csv.gz", lambda: gzip.compress(f"{CI}\na,server\n".encode() * 99)[:-9],
        "truncated_archive",
    ),
    "a zip that is cut off": Classic(
        "a.zip", lambda: _zip(("a.csv", b"x" * 999))[:-9], "broken_archive"
    ),
    # Nesting
    "JSON nested deep": Classic("a.json", _text(_nested(100_000, "[", "]")), "too_deep"),
    "JSON objects nested deep": Classic(
        "a.json", _text('{"a":' * 100_000 + "1" + "}" * 100_000), "too_deep"
    ),
    "attributes nested deep": Classic(
        "a.json",
        _items({"name": "a", "ci_class": "server", "attributes": {"a": json.loads("[" * 60 + "]" * 60)}}),
        "too_deep",
    ),
    "YAML nested deep": Classic("a.yaml", _text(f"a: {_nested(5_000, '[', ']')}"), "too_deep", 1),
    "XML nested deep": Classic("a.xml", _text(_nested(100_000, "<a>", "</a>")), "too_deep", 1),
    # Workbooks
    "the workbook that ends a native reader": Classic("a.xlsx", _far_cell, "ragged_row", 1_048_576),
    "a workbook with entities": Classic("a.xlsx", _book_with_entities, "xlsx_unreadable"),
    "a workbook that is cut off": Classic("a.xlsx", lambda: _book()[:-99], "xlsx_broken_archive"),
    "an old workbook": Classic("a.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, "xlsx_old_workbook"),
    "a document that is no workbook": Classic(
        "a.docx", lambda: _zip(("[Content_Types].xml", b"<x/>"), ("word/a.xml", b"")), "xlsx_no_workbook"
    ),
    "a formula in a workbook": Classic(
        "a.xlsx", lambda: workbook({"S": [["name", "ci_class"], ["=1+1", "server"]]}),
        *("missing_value", 2, "name"),
    ),
    # Tables
    "a huge cell": Classic("a.csv", _text(f"{CI},x\na,server,{_HUGE}\nb,server,\n"), "broken_row", 2, records=1),
    "a long name": Classic("a.csv", _text(f"{CI}\n{'x' * 256},server\nb,server\n"), "too_long", 2, "name", records=1),
    "10,000 columns": Classic("a.csv", _text(_wide(10_000, "")), records=1),
    "10,000 columns, all of them filled": Classic("a.csv", _text(_wide(10_000, "x")), "too_long", 2, "attributes"),
    "a header that is there twice": Classic("a.csv", _text(f"{CI},Site,site\na,server,1,2\n"), "duplicate_column", 1, "site"),
    "a required header that is there twice": Classic("a.csv", _text(f"name,{CI}\na,b,server\n"), "duplicate_column", 1, "name"),
    "a quote that is never closed": Classic("a.csv", _text(f'{CI}\na,server\n"b,server\nc,server\n'), "broken_row", 3, records=1),
    "a row that is too long": Classic("a.csv", _text(f"{CI}\na,server,x\nb,server\n"), "ragged_row", 2, records=1),
    "a last line with the total": Classic("a.csv", _text(f"{CI}\na,server\nTotal,1\n"), "unknown_ci_class", 3, "ci_class", records=1),
    "formulas": Classic("a.csv", _text(f"{CI},x\n=1+1,server,@SUM(A1)\n+1,server,-1\n"), records=2),
    "blank lines and trailing columns": Classic("a.csv", _text(f"\n\n{CI},,,\r\n\r\na,server,,,\r\n,,,,\r\n"), records=1),
    "a line break in a cell": Classic("a.csv", _text(f'{CI},x\na,server,"1\n2"\nb,srver,\n'), "unknown_ci_class", 4, "ci_class", records=1),
    "semicolons, as Excel has them in Europe": Classic("a.csv", _text("sep=;\nName;CI class\na;server\n"), records=1),
    "carriage returns alone": Classic("a.csv", _text(f"{CI}\ra,server\rb,srver\r"), "unknown_ci_class", 3, "ci_class", records=1),
    # Encodings
    "a byte order mark": Classic("a.csv", _text(f"{CI}\na,server\n", "utf-8-sig"), records=1),
    "Excel's Unicode text": Classic("a.txt", _text("name\tci_class\nMünchen\tserver\n", "utf-16"), records=1),
    "UTF-16 that is cut off": Classic("a.csv", lambda: f"{CI}\na,server\n".encode("utf-16")[:-1], "not_utf8", 2),
    "UTF-32": Classic("a.csv", _text(f"{CI}\na,server\n", "utf-32"), "not_utf8", 1, format="csv"),
    "Windows-1252": Classic("a.csv", _text(f"{CI}\na,server\nMünchen,server\n", "cp1252"), "not_utf8", 3),
    "two encodings in one file": Classic(
        "a.csv", lambda: f"{CI}\nMünchen,server\n".encode() + "Köln,server\n".encode("cp1252"), "not_utf8", 3
    ),
    "a NUL in a name": Classic("a.csv", _text(f"{CI}\na\x00b,server\nc,server\n"), "control_character", 2, "name", records=1),
    "half a surrogate pair": Classic("a.json", _items({"name": "\ud800", "ci_class": "server"}), "control_character"),
    "a surrogate written out": Classic("a.csv", _text(f"{CI}\n\ud800,server\n"), "not_utf8", 2),
    # Numbers and names
    "numbers that no database holds": Classic(
        "a.json", _text('{"configuration_items": [{"name": "a", "ci_class": "server", "attributes": {"n": 9223372036854775808}}]}'),
        "invalid_value",
    ),
    "not a number": Classic("a.json", _text('{"configuration_items": [{"name": NaN, "ci_class": "server"}]}'), "invalid_value"),
    "a name that is there twice in an object": Classic(
        "a.json", _text('{"configuration_items": [{"name": "a", "name": "b", "ci_class": "server"}]}'), "duplicate_field"
    ),
    "an integer of 5,000 digits": Classic("a.json", _text('{"configuration_items": ' + "9" * 5_000 + "}"), "unexpected_shape"),
    "an address that is none": Classic("a.csv", _text(f"{CI},ip_address\na,server,10.0.0.300\n"), "invalid_ip_address", 2, "ip_address"),
    "one host twice, in other case": Classic("a.csv", _text(f"{CI}\nweb,server\nWEB,server\n"), "duplicate_key", 2, "name"),
    # What it is not
    "an empty file": Classic("a.csv", bytes, "empty_file"),
    "a picture": Classic("a.csv", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(99), "unknown_format"),
    "a PDF called JSON": Classic("a.json", _text("%PDF-1.7\n1 0 obj\n<< >>\n"), "malformed_json", 1),
    "JSON called CSV": Classic("a.csv", _items({"name": "a", "ci_class": "server"}), records=1),
    "a workbook called CSV": Classic("a.csv", _book, records=1),
    "a page of the login": Classic("export.json", _text("<!DOCTYPE html>\n<html><body>Sign in</body></html>"), "malformed_json", 1),
    "JSON that is cut off": Classic("a.json", _text('{"configuration_items": [\n{"name": "a",'), "malformed_json", 2),
    "JSON lines": Classic("a.json", _text('{"name": "a"}\n{"name": "b"}\n'), "malformed_json", 2),
    # Relationships
    "a circle of two": Classic("a.csv", _text(f"{EDGE}\na,b,depends_on\nb,a,depends_on\n"), "unknown_ci", 2, "dependent"),
    "a thing that depends on itself": Classic(
        "a.json",
        _json({"configuration_items": [{"name": "a", "ci_class": "server"}], "relationships": [{"dependent": "a", "provider": "a"}]}),
        "self_relationship", records=1,
    ),
    "a relationship to nothing": Classic("a.csv", _text(f"{EDGE}\nx,y,depends_on\n"), "unknown_ci", 2, "dependent"),
    "owners in a circle (Kubernetes)": Classic("a.json", _json(_K8S_LOOP)),
    "parts of each other (Backstage)": Classic("a.yaml", _text(_BACKSTAGE_LOOP), "self_relationship", 1, records=2),
    "services that extend each other (Compose)": Classic("a.yaml", _text(_COMPOSE_LOOP), records=2),
    "groups in a circle (Ansible)": Classic("a.ini", _text(_ANSIBLE_LOOP), records=2),
    "resources in a circle (Terraform)": Classic("a.tfstate", _json(_TERRAFORM_LOOP), records=2),
    "components in a circle (CycloneDX)": Classic("a.json", _json(_BOM_LOOP), records=2),
    "instances in each other (AWS Config)": Classic("a.json", _json(_AWS_LOOP), records=2),
}  # fmt: skip
