"""`opsatlas demo`: one incident of the seed company, told from its first message to what helps."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.rule import Rule

from api.cli import demo_data, terminal
from api.cli.client import connected
from api.cli.start import Json, begin
from api.cli.suggest import warm_up
from opsatlas.settings import Settings

if TYPE_CHECKING:
    from cmdb.impact_schemas import ImpactAnswer

DOWN = ("Checkout", "orders-api")
WORKS = ("Search", "Login")
_SEEN = (("down", DOWN), ("healthy", WORKS))
FAILED = "db-orders-01"
POOL, REPLICA = "pgbouncer-orders", "db-orders-02"
REPORT = """\
checkout broken!! customers get 502 after paying, started ~10 min ago
haproxy: backend be_orders-api has no server available
orders-api log: "remaining connection slots are reserved" on db-orders-01
cpu on the database is near zero, so not load. restarted orders-api, no change."""
LIKE_IT = """\
Delivery dates are wrong in the shop"""
UNHEARD_OF = """\
The badge readers at the gates greet everyone by a name that is not theirs
since the clocks went back, and the parking barrier plays music."""
_SERVICES = 6
_SUSPECTS = 4
_CHANGED = 3
_SUGGESTIONS = 3
_TOLD = 2
"""Of the suggestions, those that are read out."""
_WEAK_POINTS = 3
_LIKE_IT = "7. When something is a little like it"
_UNKNOWN = "8. And when nothing like it is known"


def demo(as_json: Json = False) -> None:
    """Load the seed company into a folder of its own and tell one incident's story."""
    begun = time.perf_counter()
    settings = demo_data.demo_settings(begin())
    demo_data.claim_folder(settings)
    with connected(settings) as client:
        held = client.local
        assert held is not None  # noqa: S101 - demo_settings name no server
        if settings.embedding_enabled:
            held.models.start()  # beside the loading and the first chapters
        demo_data.load_seed(client, held)
        key_file = demo_data.demo_key(held)
        suspects = client.post("/suspects", _suspicion())
        impact = client.post("/impact", {"failed": [FAILED], "what_if": _failover()})
        if not as_json:
            _tell_suspects(suspects)
            _tell_impact(impact)
        weak = client.get("/weak-points", {"kind": "hidden_dependency", "limit": _WEAK_POINTS})
        weakest = weak["hidden_dependencies"][0]["common"][0]
        proof = client.post("/impact", {"failed": [{"id": weakest["id"]}]})
        warm_up(client, settings)
        known, like_it, unknown = (
            client.post("/suggestions", {"text": text, "cis": cis, "limit": _SUGGESTIONS})
            for text, cis in ((REPORT, [FAILED]), (LIKE_IT, []), (UNHEARD_OF, []))
        )
    if as_json:
        told = {"impact": impact, "suggestions": known}
        told |= {"a_little_like_it": like_it, "unheard_of": unknown}
        told |= {"suspects": suspects, "weak_points": weak, "weakest_fails": proof}
        terminal.print_json({**told, "data_dir": str(settings.data_dir), "key": str(key_file)})
        return
    _tell_suggestions(known, like_it, unknown)
    _tell_weak_points(weak, proof)
    _tell_how_to_go_on(settings, key_file)
    terminal.note(f"(told in {time.perf_counter() - begun:.1f} s)")


def _suspicion() -> dict[str, Any]:
    return {
        "symptoms": [{"ci": name, "state": "down"} for name in DOWN],
        "healthy": list(WORKS),
        "limit": _SUSPECTS,
    }


def _failover() -> dict[str, Any]:
    return {
        "remove_relationships": [{"dependent": POOL, "provider": FAILED}],
        "add_relationships": [{"dependent": POOL, "provider": REPLICA}],
    }


def _tell_suspects(answer: dict[str, Any]) -> None:
    from api.cli import suspects_text
    from kb.suspect_schemas import SuspectsAnswer

    _chapter("1. What happened")
    _say("A message in the on-call channel of Fjellvik, a fictitious outdoor retailer:")
    _quote(REPORT, (1, 0, 0, 4))
    _chapter("2. What is behind it")
    _say("Two things are down, and two others are known to work:")
    down, works = ([f"--{how} {name}" for name in names] for how, names in _SEEN)
    _command(f"opsatlas suspects {' '.join(down)} \\\n  {' '.join(works)}")
    found = SuspectsAnswer.model_validate(answer, extra="ignore")
    found.check_next[1:] = []
    suspects_text.show(found, len(DOWN), explained=0)
    terminal.stdout.print()
    _say(f"The message agrees: it is {FAILED} that takes no more connections.")


def _tell_impact(answer: dict[str, Any]) -> None:
    from api.cli import impact_text, what_if_text
    from cmdb.full_impact import FullImpactAnswer

    impact = FullImpactAnswer.model_validate(answer, extra="ignore")
    _chapter("3. What is affected, and why")
    _command(f"opsatlas impact {FAILED}", first=True)
    worst = impact.services[:_SERVICES]
    terminal.stdout.print(impact_text.summary(impact))
    terminal.stdout.print()
    terminal.stdout.print(impact_text.service_table(worst))
    if len(impact.services) > len(worst):
        terminal.stdout.print(f"… and {len(impact.services) - len(worst)} more services")
    terminal.stdout.print()
    for tree in impact_text.reason_trees(worst):
        terminal.stdout.print(tree)
    _chapter("4. How urgent it is, and whom to call")
    terminal.stdout.print(impact_text.priority(impact))
    _tell_contacts(impact)
    _chapter("5. What would change if …")
    _say(f"… the connection pool used the replica {REPLICA} instead:")
    _command(
        f"opsatlas impact {FAILED} --what-if-remove '{POOL} -> {FAILED}' \\\n"
        f"  --what-if-add '{POOL} -> {REPLICA}'",
        last=True,
    )
    what_if_text.show(impact, _CHANGED)


def _tell_contacts(impact: ImpactAnswer) -> None:
    from api.cli import impact_text

    terminal.stdout.print()
    terminal.stdout.print(impact_text.contact_table(impact, _SUGGESTIONS))


def _tell_suggestions(
    known: dict[str, Any], like_it: dict[str, Any], unknown: dict[str, Any]
) -> None:
    _chapter("6. What has worked before")
    _say("The same message as a question:")
    _command(f"opsatlas suggest - --ci {FAILED}")
    _show_first(known, _TOLD)
    for chapter, text, answer in ((_LIKE_IT, LIKE_IT, like_it), (_UNKNOWN, UNHEARD_OF, unknown)):
        _chapter(chapter)
        _quote(text, (0, 0, 1, 4))
        _show_first(answer, 1)


def _show_first(answer: dict[str, Any], count: int) -> None:
    from api.cli import suggest_text
    from kb.suggest_schemas import SuggestionAnswer

    found = SuggestionAnswer.model_validate(answer, extra="ignore")
    suggest_text.show(found.model_copy(update={"suggestions": found.suggestions[:count]}))


def _tell_weak_points(weak: dict[str, Any], proof: dict[str, Any]) -> None:
    from api.cli import impact_text, weak_points_text
    from cmdb.impact_schemas import ImpactAnswer
    from kb.weak_point_schemas import WeakPointsAnswer

    _chapter("9. Where the next one waits")
    _say("Redundancy that is none, because what should not fail together stands together:")
    _command(f"opsatlas weak-points --kind hidden_dependency --limit {_WEAK_POINTS}")
    weak_points_text.show(WeakPointsAnswer.model_validate(weak, extra="ignore"), None)
    impact = ImpactAnswer.model_validate(proof, extra="ignore")
    _say("What the first of them would do:")
    terminal.stdout.print()
    terminal.stdout.print(impact_text.summary(impact))
    terminal.stdout.print(impact_text.priority(impact))


def _tell_how_to_go_on(settings: Settings, key_file: Path) -> None:
    opsatlas = _script()
    folder = shlex.quote(str(settings.data_dir))
    address = f"http://{settings.host}:{settings.port}"
    _chapter("10. How to go on")
    _say("Start the server:")
    if settings.data_dir == demo_data.FOLDER:
        _command("make serve")
    else:
        _command(f"OPSATLAS_DATA_DIR={folder} {opsatlas} serve")
    _say("Ask it, with the admin key of the demo:")
    _command(
        f'curl -H "Authorization: Bearer $(cat {shlex.quote(str(key_file))})" \\\n'
        f"  '{address}/api/v1/impact?failed={FAILED}'"
    )
    _say("Or ask the database on the command line:")
    _command(
        f"export OPSATLAS_DATA_DIR={folder}\n"
        f"{opsatlas} impact tor-ham1-a01 tor-ham1-a02\n"
        f"{opsatlas} weak-points --service Login\n"
        f'{opsatlas} suggest "tills cannot reach the store server"\n'
        f"{opsatlas} load --dry-run seed_data/inventory/*.csv"
    )


def _script() -> str:
    """What to type for `opsatlas` here, where the environment may not be activated."""
    if shutil.which("opsatlas"):
        return "opsatlas"
    return shlex.quote(os.path.relpath(sys.argv[0]))


def _chapter(title: str) -> None:
    terminal.stdout.print()
    terminal.stdout.print(Rule(title, align="left", style="cyan"))
    terminal.stdout.print()


def _say(text: str) -> None:
    terminal.stdout.print(terminal.plain(text))


def _quote(text: str, around: tuple[int, int, int, int]) -> None:
    terminal.stdout.print(Padding(terminal.plain(text, "italic"), around))


def _command(text: str, *, first: bool = False, last: bool = False) -> None:
    """To be copied; `first` and `last` of what a chapter or an answer sets apart by itself."""
    if not first:
        terminal.stdout.print()
    for line in text.splitlines():
        # Never broken: it is to be copied.
        terminal.stdout.print(terminal.plain(f"    {line}", "bold"), soft_wrap=True)
    if not last:
        terminal.stdout.print()
