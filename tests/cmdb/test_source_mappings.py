"""Which mapping a load goes by: the format's, the admin's over it, single choices over both."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb.formats import SeveralFormatsError, sort_files, source_of
from cmdb.importers.mapping import (
    IgnoreRules,
    InvalidMappingError,
    Mapping,
    RecordRule,
    RelationshipRule,
    read_mapping,
)
from cmdb.importers.mapping_text import mapping_text
from cmdb.importers.records import InputFile
from cmdb.importers.registry import default_mapping, importers
from cmdb.load import parse
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.source_mappings import (
    AdminMapping,
    NoSuchFormatError,
    is_native,
    mapping_of_source,
    mappings_of,
    options_of,
    shown_mapping,
)
from opsatlas.errors import InvalidInputError

JAEGER = InputFile("calls.json", b'{"data": [{"parent": "a", "child": "b", "callCount": 3}]}')
NATIVE = InputFile("items.csv", b"name,ci_class\nweb,server\n")
COMPOSE = InputFile("compose.yaml", b"services:\n  web:\n    image: nginx\n")


def own(text: str, name: str = "ours.toml") -> AdminMapping:
    return AdminMapping.read(InputFile(name, text.encode()))


def test_a_load_that_names_no_source_is_of_the_formats_name() -> None:
    for files, source in (([NATIVE], "native"), ([JAEGER], "jaeger"), ([], "native")):
        assert source_of(sort_files(files, "auto").by_format) == source
    json = InputFile("more.json", b'{"relationships": []}')
    assert source_of(sort_files([NATIVE, json], "auto").by_format) == "native"


def test_files_of_several_formats_need_a_source() -> None:
    with pytest.raises(SeveralFormatsError) as refused:
        parse([NATIVE, JAEGER], LoadOptions(), LoadLimits())
    assert "native (items.csv); jaeger (calls.json)" in str(refused.value)
    assert "source" in str(refused.value.hint)
    parsed = parse([NATIVE, JAEGER], LoadOptions(source="both"), LoadLimits())
    assert (parsed.source, parsed.format) == ("both", "native_csv, jaeger")
    assert [(each.file, each.format) for each in parsed.recognised] == [
        ("items.csv", "native_csv"),
        ("calls.json", "jaeger"),
    ]
    assert all(each.why for each in parsed.recognised)


def test_the_admins_entries_go_before_the_shipped_ones() -> None:
    found = mappings_of(["compose"], own('[options]\nproject = "shop"\n'), {})["compose"]
    default = default_mapping("compose")
    assert found.options["project"] == "shop"
    assert found.classes == default.classes
    assert mappings_of(["compose"], None, {})["compose"] == default


def test_a_mapping_for_another_format_or_for_several_is_refused() -> None:
    for text, formats in (
        ('format = "netbox"', ["servicenow"]),
        ('format = "netbox"', ["netbox", "servicenow"]),
        ("[classes]", ["netbox", "servicenow"]),
    ):
        with pytest.raises(InvalidMappingError, match=r"ours.toml"):
            mappings_of(formats, own(text), {})
    mappings_of(["native_csv", "netbox"], own("[classes]"), {})


def test_the_format_of_a_mapping_stands_in_for_auto() -> None:
    """The file is read as what the mapping says, whatever it looks like."""
    options = LoadOptions(mapping=own('format = "spreadsheet"'))
    assert parse([NATIVE], options, LoadLimits()).format == "spreadsheet"
    with pytest.raises(InvalidMappingError, match="is for spreadsheet"):
        parse([JAEGER], LoadOptions(format="jaeger", mapping=options.mapping), LoadLimits())
    with pytest.raises(InvalidInputError, match="no format 'sheet'"):
        parse([NATIVE], LoadOptions(mapping=own('format = "sheet"')), LoadLimits())


def test_native_files_leave_a_mapping_and_say_so() -> None:
    parsed = parse([NATIVE], LoadOptions(mapping=own("[classes]")), LoadLimits())
    assert parsed.mapping is None
    assert [each.code for each in parsed.problems.listed()] == ["mapping_not_used"]


def test_the_mapping_of_a_source_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("options:\n  project: shop\n", encoding="utf-8")
    (tmp_path / "compose.toml").write_text('[options]\nproject = "c"\n', encoding="utf-8")
    limits = LoadLimits(mapping_dir=tmp_path)
    for source, file in (("shop", "shop.yaml"), ("", "compose.toml"), ("other", None)):
        assert parse([COMPOSE], LoadOptions(source=source), limits).mapping == file
    named = LoadOptions(source="shop", mapping=own("[classes]"))
    assert parse([COMPOSE], named, limits).mapping == "ours.toml"


def test_a_name_of_a_source_leads_to_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.toml").write_text("[classes]", encoding="utf-8")
    for source in ("../secret", str(tmp_path / "secret"), ".", "..", "a/b", "", "a\x00b"):
        assert mapping_of_source(tmp_path / "inner", source) is None
    assert mapping_of_source(tmp_path / "nowhere", "a") is None


def test_a_broken_mapping_of_a_source_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[clases]\na = 'b'\n", encoding="utf-8")
    with pytest.raises(InvalidMappingError, match=r"shop.toml: /clases"):
        parse([COMPOSE], LoadOptions(source="shop"), LoadLimits(mapping_dir=tmp_path))


def test_a_choice_has_the_type_of_the_option() -> None:
    default = default_mapping("netbox").options
    chosen = {"power_redundancy": "no", "cluster_group": "5", "cable_statuses": "a, b"}
    found = mappings_of(["netbox"], own("[options]\ncluster_group = 'x'"), chosen)["netbox"]
    assert found.options == default | {
        "power_redundancy": False, "cluster_group": "5", "cable_statuses": ["a", "b"]
    }  # fmt: skip
    listed = mappings_of(["netbox"], None, {"upstream_roles": '["a, b", "c"]'})["netbox"]
    assert listed.options["upstream_roles"] == ["a, b", "c"]


@pytest.mark.parametrize(
    ("formats", "text", "choices", "told"),
    [
        (["netbox"], "", {"power_redundanc": "no"}, "no option 'power_redundanc'"),
        (["netbox"], "", {"power_redundancy": "perhaps"}, "true or false"),
        (["netbox"], "", {"cable_statuses": "[1]"}, "list of texts"),
        (["netbox"], "[options]\npower = true", {}, "no option 'power'"),
        (["native_csv"], "", {"a": "b"}, "nothing to choose"),
    ],
)
def test_a_choice_that_is_none_is_refused(
    formats: list[str], text: str, choices: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidMappingError, match=told):
        mappings_of(formats, own(text) if text else None, choices)


def test_every_shipped_mapping_is_valid_and_its_options_are_known() -> None:
    for name in importers():
        mapping = default_mapping(name)
        assert mapping.format in (None, name)
        assert set(mapping.options) <= options_of(name)
        if not is_native(name):
            assert shown_mapping(None, name)[1]


def test_what_is_shown_of_a_source_is_what_a_load_goes_by(tmp_path: Path) -> None:
    text = 'format = "netbox"\n[classes]\n"till*" = "endpoint"\n[options]\ncluster_group = "x"\n'
    (tmp_path / "racks.toml").write_text(text, encoding="utf-8")
    format_name, shown = shown_mapping(tmp_path, "racks")
    assert format_name == "netbox"
    read = read_mapping(InputFile("shown.toml", shown.encode()))
    wanted = own(text).mapping.over(default_mapping("netbox"))
    assert read.model_dump() == wanted.model_copy(update={"format": "netbox"}).model_dump()
    assert list(read.classes) == list(wanted.classes)
    (tmp_path / "odd.toml").write_text("[classes]", encoding="utf-8")
    with pytest.raises(InvalidMappingError, match="does not say which format"):
        shown_mapping(tmp_path, "odd")
    with pytest.raises(NoSuchFormatError) as missing:
        shown_mapping(tmp_path, "netbx")
    assert "'netbox'" in str(missing.value.hint)
    assert shown_mapping(None, "csv") == ("native_csv", "")


def test_a_mapping_waits_with_a_queued_load_as_it_is() -> None:
    said = own(
        'keep_other_fields = true\n[relationships]\n"a::b" = { type = "depends_on" }\n'
        '[ignore]\nrecords = [{ field = "x", is = ["1"] }]\n'
    )
    kept = AdminMapping.from_json(said.as_json())
    assert kept == said
    assert kept.mapping.model_fields_set == said.mapping.model_fields_set
    behind = Mapping(keep_other_fields=False)
    assert kept.mapping.over(behind).keep_other_fields is True


def test_a_mapping_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidMappingError, match="longer"):
        own("#" * 2_000_000)


NAMES = st.text(min_size=1, max_size=8)


def _rule(field: str, said: list[str]) -> RecordRule:
    return RecordRule.model_validate({"field": field, "is": said})


@given(
    st.builds(
        Mapping,
        format=st.none() | NAMES,
        classes=st.dictionaries(NAMES, NAMES, max_size=3),
        relationships=st.dictionaries(
            NAMES,
            st.just("ignore")
            | st.builds(
                RelationshipRule,
                type=NAMES,
                dependent=st.sampled_from(["from", "to"]),
                min_up=st.none() | st.integers(1, 9) | st.just("50%"),
            ),
            max_size=3,
        ),
        fields=st.dictionaries(NAMES, NAMES | st.lists(NAMES, max_size=2), max_size=3),
        keep_other_fields=st.booleans(),
        values=st.dictionaries(
            NAMES, st.dictionaries(NAMES, NAMES, min_size=1, max_size=2), max_size=2
        ),
        ignore=st.builds(
            IgnoreRules,
            classes=st.lists(NAMES, max_size=2),
            fields=st.lists(NAMES, max_size=2),
            records=st.lists(
                st.builds(_rule, NAMES, st.lists(NAMES, max_size=2)),
                max_size=2,
            ),
        ),
        options=st.dictionaries(
            NAMES,
            st.booleans() | st.integers(-99, 99) | NAMES | st.lists(NAMES, max_size=2)
            | st.floats(-1e3, 1e3),
            max_size=3,
        ),
    )
)  # fmt: skip
def test_a_mapping_written_as_toml_reads_as_the_same(mapping: Mapping) -> None:
    read = read_mapping(InputFile("m.toml", mapping_text(mapping).encode()))
    assert read.model_dump() == mapping.model_dump()
