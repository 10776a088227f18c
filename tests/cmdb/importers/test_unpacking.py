"""Archives: what is in them is loaded under its own name; what cannot or must not be is told."""

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb.importers.file_names import may_be_inventory
from cmdb.importers.records import InputFile
from cmdb.importers.unpacking import Unpacked, UnpackingLimits, unpack

CSV = b"name,ci_class\nweb,server\n"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def unpacked(name: str, content: bytes, **limits: int) -> Unpacked:
    return unpack([InputFile(name, content)], UnpackingLimits(**limits))


def contents(result: Unpacked) -> dict[str, bytes]:
    return {file.name: file.content for file in result.files}


def the_error(result: Unpacked) -> str:
    assert result.files == []
    (found,) = result.problems
    assert found.severity == "error"
    assert found.message
    return found.code


def test_the_files_of_a_zip_are_called_by_the_archive_and_their_path() -> None:
    result = unpacked("all.zip", zipped(("a/servers.csv", CSV), ("b/servers.csv", CSV + b"x")))
    assert contents(result) == {
        "all.zip/a/servers.csv": CSV,
        "all.zip/b/servers.csv": CSV + b"x",
    }
    assert result.problems == []


def test_a_gzip_is_one_file_without_its_ending() -> None:
    assert contents(unpacked("servers.csv.gz", gzip.compress(CSV))) == {"servers.csv": CSV}
    two = gzip.compress(CSV) + gzip.compress(b"db,database\n") + b"\x00" * 512
    assert contents(unpacked("standard input", two)) == {"standard input": CSV + b"db,database\n"}


def test_what_is_no_archive_stays_as_it_is() -> None:
    for name, content in (
        ("a.csv", CSV),
        ("empty", b""),
        ("book.xlsx", zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))),
        ("book", zipped(("xl/workbook.xml", b"<x/>"), ("[Content_Types].xml", b"<x/>"))),
        ("broken.xlsx", b"PK\x03\x04 broken"),
        ("sheet.ods", zipped(("mimetype", b"application/vnd.oasis"), ("content.xml", b"<x/>"))),
    ):
        assert contents(unpacked(name, content)) == {name: content}


def test_a_workbook_in_a_zip_is_a_file_like_any_other() -> None:
    book = zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))
    assert contents(unpacked("a.zip", zipped(("b.xlsx", book)))) == {"a.zip/b.xlsx": book}


def test_members_that_are_no_inventory_by_name_are_left_out_and_told() -> None:
    result = unpacked(
        "all.zip",
        zipped(
            ("README.md", b"# hello"),
            ("__MACOSX/._servers.csv", b"\x00"),
            (".git/config.json", b"{}"),
            ("~$book.xlsx", b"\x00"),
            ("servers.csv", CSV),
        ),
    )
    assert contents(result) == {"all.zip/servers.csv": CSV}
    (warning,) = result.problems
    assert (warning.severity, warning.code, warning.file) == (
        "warning", "files_left_out", "all.zip"
    )  # fmt: skip
    assert "README.md, __MACOSX/._servers.csv, .git/config.json, ~$book.xlsx" in warning.message


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("servers.csv", True), ("hosts", True), ("inventory.ini", True), ("export.txt", True),
        ("dump.weird", True), ("a/b/c.json", True), ("terraform.tfstate", True),
        ("README", False), ("readme.txt", False), ("LICENSE", False), ("a/.hidden/b.csv", False),
        (".DS_Store", False), ("Thumbs.db", False), ("desktop.ini", False), ("main.tf", False),
        ("mapping.toml", False), ("logo.PNG", False), ("Makefile", False),
    ],
)  # fmt: skip
def test_only_what_surely_is_no_inventory_is_left_out(path: str, may: bool) -> None:
    assert may_be_inventory(path) is may


def test_paths_in_an_archive_lead_nowhere() -> None:
    odd = zipped(("../../etc/a.csv", CSV), ("C:\\b\\c.csv", CSV), ("/d.csv", CSV), ("e\n.csv", CSV))
    assert set(contents(unpacked("x.zip", odd))) == {
        "x.zip/etc/a.csv", "x.zip/b/c.csv", "x.zip/d.csv", "x.zip/e\\n.csv"
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_told_apart() -> None:
    result = unpacked("x.zip", zipped(("a.csv", CSV), ("a.csv", CSV + b"db,database\n")))
    assert set(contents(result)) == {"x.zip/a.csv", "x.zip/a.csv (2)"}


def test_an_archive_in_an_archive_is_refused() -> None:
    inner = zipped(("a.csv", CSV))
    for name, content in (
        ("x.zip", zipped(("inner.zip", inner))),
        ("x.zip", zipped(("a.csv.gz", gzip.compress(CSV)))),
        ("x.gz", gzip.compress(inner)),
        ("x.gz", gzip.compress(gzip.compress(CSV))),
    ):
        assert the_error(unpacked(name, content)) == "nested_archive"


def test_a_bomb_is_not_unpacked() -> None:
    zeros = bytes(20 * 1024 * 1024)
    assert the_error(unpacked("x.zip", zipped(("a.csv", zeros)))) == "archive_bomb"
    assert the_error(unpacked("x.gz", gzip.compress(zeros))) == "archive_bomb"
    spread = zipped(*((f"{n}.csv", bytes(1_000_000)) for n in range(20)))
    assert the_error(unpacked("x.zip", spread)) == "archive_bomb"


def test_what_overlaps_to_save_space_is_a_bomb_too() -> None:
    """Many entries of the list that all point to one member, as in the known bombs."""
    one = zipped(("a.csv", bytes(900_000)))
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entries = one[start:end] * 500
    tail = bytearray(one[end:])
    tail[8:12] = (500).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    assert the_error(unpacked("x.zip", one[:start] + entries + bytes(tail))) == "archive_bomb"


def test_the_limits_hold_over_all_archives_of_a_load() -> None:
    one = zipped(("a.csv", CSV * 100), ("b.csv", CSV * 100))
    files = [InputFile("x.zip", one), InputFile("y.zip", one)]
    result = unpack(files, UnpackingLimits(max_files=3))
    assert [each.code for each in result.problems] == ["too_many_files"]
    assert "OPSATLAS_IMPORT_MAX_FILES" in str(result.problems[0].hint)
    result = unpack(files, UnpackingLimits(max_bytes=len(CSV) * 300))
    assert [(each.code, each.file) for each in result.problems] == [("archive_too_large", "y.zip")]
    assert {file.name for file in result.files} == {"x.zip/a.csv", "x.zip/b.csv"}


def test_an_encrypted_archive_is_told() -> None:
    content = bytearray(zipped(("a.csv", CSV)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert the_error(unpacked("x.zip", bytes(content))) == "encrypted_archive"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack_are_told(method: int) -> None:
    packed = zipped(("a.csv", CSV), method=method)
    assert the_error(unpacked("x.zip", packed)) == "unsupported_archive"


def test_a_tar_is_told() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())
    assert the_error(unpacked("x.tar.gz", made.getvalue())) == "unsupported_archive"


def test_what_is_cut_off_or_broken_is_told_and_none_of_it_is_read() -> None:
    whole = zipped(("a.csv", CSV * 50), ("b.csv", CSV * 50))
    packed = gzip.compress(CSV * 50)
    assert the_error(unpacked("x.zip", whole[:-30])) == "broken_archive"
    assert the_error(unpacked("x.gz", packed[:-10])) == "truncated_archive"
    assert the_error(unpacked("x.gz", packed[:-8] + bytes(8))) == "broken_archive"
    assert the_error(unpacked("x.gz", packed + b"more")) == "broken_archive"
    broken = bytearray(whole)
    broken[45] ^= 0xFF
    assert the_error(unpacked("x.zip", bytes(broken))) == "broken_archive"


def test_an_archive_with_nothing_to_load_is_an_error() -> None:
    assert the_error(unpacked("x.zip", zipped())) == "empty_archive"
    assert the_error(unpacked("x.zip", zipped(("README.md", b"x")))) == "empty_archive"


@given(
    st.sampled_from([zipped(("a/b.csv", CSV), ("c.json", b"{}")), gzip.compress(CSV * 9)]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_no_bytes_make_it_raise(whole: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    broken = bytearray(whole)
    for place, byte in changes:
        broken[place % len(broken)] = byte
    result = unpacked("x.zip", bytes(broken[: len(broken) - cut % 30]))
    assert result.files or result.problems
