"""docs/nightly.md: five sources, two of them changed and one broken, end as the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli import warm
from tests.cli.conftest import SEED, Cli

PAGE = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text("utf-8")
(JOB,) = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SAMPLES = SEED / "sources"
SOURCES = ("netbox", "servicenow", "itop", "backstage", "aws_config")


def night(cli: Cli) -> tuple[int, dict[str, Any], str]:
    """Run the job; its exit code, the report of each source, and what it printed."""
    (cli.folder / "reports").mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if "OPSATLAS_" not in name}
    done = subprocess.run(
        ["bash", "-c", JOB],
        cwd=cli.folder,
        env=inherited | {"PATH": f"{warm.script().parent}:{inherited['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    reports = {
        source: json.loads((cli.folder / "reports" / f"{source}.json").read_text("utf-8"))
        for source in SOURCES
    }
    return done.returncode, reports, done.stdout + done.stderr


def counted(report: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in report["configuration_items"].items() if count}


@pytest.mark.slow
def test_a_night_with_two_changed_sources_and_a_broken_one_ends_as_the_page_says(cli: Cli) -> None:
    cli.done("load", *map(str, sorted((SEED / "inventory").glob("*.csv"))))
    exports = cli.folder / "exports"
    for source in SOURCES:
        shutil.copytree(SAMPLES / source, exports / source)
    code, first, printed = night(cli)
    assert (code, {each["state"] for each in first.values()}) == (0, {"done"}), printed
    assert "Nothing waits" in printed

    vms = exports / "netbox" / "virtual-machines.json"
    vms.write_text(vms.read_text("utf-8").replace('"vcpus": 4', '"vcpus": 8'), "utf-8")
    services = exports / "servicenow" / "services.csv"
    services.write_bytes(b"".join(services.read_bytes().splitlines(keepends=True)[:-1]))
    broken = exports / "aws_config" / "snapshot-par3.json"
    broken.write_bytes(broken.read_bytes()[:-2000])

    code, second, printed = night(cli)
    assert code == 1
    assert "aws_config: see reports/aws_config.json" in printed
    for source in ("itop", "backstage"):
        assert set(counted(second[source])) == {"unchanged"}, source
    assert second["netbox"]["state"] == second["servicenow"]["state"] == "done"
    assert counted(second["netbox"])["updated"] >= 1
    assert second["aws_config"]["state"] == "failed"
    assert second["aws_config"]["problem_counts"]["error"] == 1
    problem = second["aws_config"]["problems"][0]
    assert problem["code"] == "malformed_json"
    assert problem["file"].endswith("snapshot-par3.json")

    code, third, _ = night(cli)
    assert code == 1
    for source in SOURCES:
        if source != "aws_config":
            assert set(counted(third[source])) == {"unchanged"}, source
    bucket = cli.done("ci", "show", "s3-media", "--json").json
    assert bucket["status"] == "active"
