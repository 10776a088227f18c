"""What `opsatlas load` takes: archives, folders, patterns, mappings, options; and what it says."""

import gzip
import json
import zipfile

from tests.cli.conftest import ITEMS, Cli, plain_words

ROWS = "name,ci_class\n{0},server\n"
CALLS = json.dumps({"data": [{"parent": "shop", "child": "orders", "callCount": 3}]})
COMPOSE = "services:\n  web:\n    image: nginx\n"


def tree(cli: Cli, **files: str) -> None:
    """Files by their paths, with `__` for `/`."""
    for name, text in files.items():
        path = cli.folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def names(cli: Cli) -> set[str]:
    return {ci["name"] for ci in json.loads(cli.done("export").out)["configuration_items"]}


def test_a_folder_is_loaded_with_all_below_it(cli: Cli) -> None:
    tree(
        cli,
        exports__a__servers_dot_csv=ROWS.format("a"),
        exports__b__servers_dot_csv=ROWS.format("b"),
        exports__top_dot_csv=ROWS.format("top"),
        exports___dot_git__config_dot_csv="not an inventory",
        exports__README_dot_md="# Exports",
    )
    result = cli.done("load", "exports", "--json")
    assert [each["file"] for each in result.json["recognised"]] == [
        "exports/top.csv",
        "exports/a/servers.csv",
        "exports/b/servers.csv",
    ]
    assert names(cli) == {"a", "b", "top"}
    assert "left out, no inventory by the name: exports/README.md" in result.err


def test_the_data_folder_is_never_sent(cli: Cli) -> None:
    tree(cli, only__a_dot_csv=ROWS.format("a"))
    inside = cli.with_settings(data_dir=str(cli.folder / "only" / "data"))
    inside.done("load", "only")
    report = inside.done("load", "only", "--json").json
    assert [each["file"] for each in report["recognised"]] == ["only/a.csv"]


def test_a_file_of_a_folder_that_no_format_fits_is_an_error(cli: Cli) -> None:
    tree(cli, exports__a_dot_csv=ROWS.format("a"), exports__b_dot_bin="\x01\x02")
    result = cli("load", "exports")
    assert result.code == 1
    assert "exports/b.bin" in plain_words(result.out).replace(" ", "")
    assert names(cli) == set()


def test_a_pattern_that_the_shell_left_is_expanded(cli: Cli) -> None:
    tree(cli, x__1__a_dot_csv=ROWS.format("a"), x__1__2__b_dot_csv=ROWS.format("b"))
    report = cli.done("load", "x/**/*.csv", "x/1/a.csv", "--json").json
    assert [each["file"] for each in report["recognised"]] == ["b.csv", "a.csv"]
    assert names(cli) == {"a", "b"}
    result = cli("load", "y/*.csv")
    assert result.code == 2
    assert "no file fits y/*.csv" in result.err


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(cli: Cli) -> None:
    assert cli.done("load", cli.write("a[1].csv", ROWS.format("a")))
    assert names(cli) == {"a"}


def test_files_of_one_name_are_called_by_their_paths(cli: Cli) -> None:
    tree(cli, x__a__s_dot_csv=ROWS.format("a"), x__b__s_dot_csv=ROWS.format("b"))
    report = cli.done("load", "x/a/s.csv", "x/b/s.csv", "items.csv", "--json").json
    assert [each["file"] for each in report["recognised"]] == ["a/s.csv", "b/s.csv", "items.csv"]


def test_archives_are_unpacked_and_named_in_problems(cli: Cli) -> None:
    with zipfile.ZipFile(cli.folder / "all.zip", "w") as archive:
        archive.writestr("in/items.csv", ITEMS)
        archive.writestr("in/bad.csv", "name,ci_class\nx,servr\n")
        archive.writestr("README.md", "hello")
    result = cli("load", "all.zip", "--partial")
    assert result.code == 1
    said = plain_words(result.out)
    assert "all.zip/in/bad.csv:2:ci_class" in said.replace(" :", ":")
    assert "all.zip/in/items.csv: native_csv, because its header has name and ci_class" in said
    assert "no inventory by the name, and left out: README.md" in said
    packed = gzip.compress(ROWS.format("piped").encode())
    report = cli.done("load", "-", "--json", stdin=packed).json
    assert report["recognised"][0]["file"] == "standard input"
    assert "piped" in names(cli)


def test_a_broken_archive_is_a_problem_and_nothing_is_loaded(cli: Cli) -> None:
    (cli.folder / "x.zip").write_bytes(b"PK\x03\x04" + b"\x00" * 100)
    result = cli("load", "x.zip", "items.csv")
    assert result.code == 1
    assert "the archive cannot be read" in plain_words(result.out)
    assert names(cli) == set()


def test_the_limits_of_archives_are_settings(cli: Cli) -> None:
    with zipfile.ZipFile(cli.folder / "all.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", ROWS.format(number))
    result = cli.with_settings(import_max_files="2")("load", "all.zip", "--json")
    assert result.json["problems"][0]["code"] == "too_many_files"
    result = cli.with_settings(import_max_unpacked_bytes="1024")("load", "all.zip", "--json")
    assert result.code == 0


def test_many_files_are_counted_by_format(cli: Cli) -> None:
    for number in range(1100):  # more than a form has by itself
        tree(cli, **{f"many__{number}_dot_csv": ROWS.format(f"h{number}")})
    result = cli.done("load", "many")
    assert "1,100 files: native_csv" in result.out


def test_without_a_source_a_load_is_of_its_format(cli: Cli) -> None:
    cli.write("calls.json", CALLS)
    assert cli.done("load", "calls.json", "--json").json["source"] == "jaeger"
    assert cli.done("load", "items.csv", "--json").json["source"] == "native"
    result = cli("load", "calls.json", "items.csv")
    assert result.code == 1
    said = plain_words(result.err)
    assert "jaeger (calls.json)" in said
    assert "native (items.csv)" in said
    both = cli.done("load", "calls.json", "items.csv", "--source", "both", "--json").json
    assert (both["source"], both["format"]) == ("both", "jaeger, native_csv")


def test_a_mapping_of_the_admin_changes_what_becomes_of_a_source(cli: Cli) -> None:
    cli.write("compose.yaml", COMPOSE)
    cli.write("ours.toml", 'format = "compose"\n[options]\nproject = "shop"\n')
    result = cli.done("load", "compose.yaml", "--mapping", "ours.toml")
    assert "mapping: ours.toml" in result.out
    report = cli.done("load", "compose.yaml", "--set", "project=shop", "--json").json
    assert report["configuration_items"]["unchanged"] == 1
    assert report["mapping"] is None


def test_the_mapping_of_a_source_is_used_without_being_named(cli: Cli) -> None:
    cli.write("compose.yaml", COMPOSE)
    folder = cli.data / "mappings"
    folder.mkdir(parents=True)
    (folder / "team.toml").write_text(
        'format = "compose"\n[options]\nproject = "shop"\n', encoding="utf-8"
    )
    report = cli.done("load", "compose.yaml", "--source", "team", "--json").json
    assert (report["mapping"], report["format"]) == ("team.toml", "compose")
    shown = cli.done("sources", "show", "team").out
    assert 'format = "compose"' in shown
    assert 'project = "shop"' in shown
    elsewhere = cli.with_settings(mapping_dir=str(cli.folder))
    assert (
        elsewhere.done("load", "compose.yaml", "--source", "team", "--json").json["mapping"] is None
    )


def test_a_mapping_that_cannot_be_is_told(cli: Cli) -> None:
    cli.write("compose.yaml", COMPOSE)
    cli.write("bad.toml", "[clases]\n")
    for arguments, code, told in (
        (["--mapping", "bad.toml"], 1, "/clases: there is no such setting"),
        (["--mapping", "nowhere.toml"], 2, "there is no file nowhere.toml"),
        (["--set", "projekt=x"], 1, "no option 'projekt'"),
        (["--set", "project"], 1, "NAME=VALUE"),
    ):
        result = cli("load", "compose.yaml", *arguments)
        assert result.code == code
        assert told in plain_words(result.err)


def test_the_formats_are_listed_and_shown(cli: Cli) -> None:
    listed = cli.done("sources", "list").out
    assert "opsatlas sources show servicenow" in listed
    rows = {
        row["name"]: row["has_mapping"]
        for row in cli.done("sources", "list", "--json").json["results"]
    }
    assert rows["native_csv"] is False
    assert rows["servicenow"] is True
    shown = cli.done("sources", "show", "servicenow")
    cli.write("servicenow.toml", shown.out)
    assert cli.done("sources", "show", "servicenow", "--json").json["mapping"].strip() == (
        shown.out.strip()
    )
    assert "goes by no mapping" in cli.done("sources", "show", "csv").err
    missing = cli("sources", "show", "servicnow")
    assert missing.code == 1
    assert "servicenow" in missing.err


def test_a_proposed_mapping_loads_the_table_that_it_was_made_for(cli: Cli) -> None:
    cli.write("assets.csv", "Hostname;Serial No.;Owner\nhv-new-01;CZC1234;Platform\n")
    proposed = cli.done("sources", "map", "assets.csv")
    cli.write("assets.toml", proposed.out)
    report = cli.done("load", "assets.csv", "--mapping", "assets.toml", "--json").json
    assert report["configuration_items"]["created"] == 1
    assert names(cli) == {"hv-new-01"}
    refused = cli("sources", "map", cli.write("empty.csv", ""))
    assert refused.code == 1
