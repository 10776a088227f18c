"""The health report: what each check finds, and what it leaves in peace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, update

from cmdb.decision_models import KeptApart
from cmdb.health import Scope
from cmdb.importers.records import InputFile
from cmdb.items import retire_ci, update_ci
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.models import ExternalKey, Source
from cmdb.precedence import set_precedence
from cmdb.schemas import CIPatch
from opsatlas.actor import SYSTEM
from opsatlas.clock import now
from opsatlas.db.transaction import transaction
from tests.cmdb.healthy import details, examined, found, put

SEED = Path(__file__).parents[2] / "seed_data" / "inventory"
EDGES = "dependent,provider,type,redundancy_group,min_up\n"


def test_a_service_needs_an_owner_a_support_group_and_a_criticality(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class,owner,support_group,criticality\n"
        "Shop,business_service,Ann,,1\nPay,business_service,Ann,oncall,1\n",
    )
    assert details(sqlite_engine, "", "missing_required") == [
        ("Shop", "missing_required", "support_group")
    ]


def test_what_is_required_is_not_recommended_as_well_and_retired_ends_are_no_fault(
    sqlite_engine: Engine,
) -> None:
    put(
        sqlite_engine,
        "name,ci_class,environment,status\na,generic,test,\nb,generic,test,\n"
        "old,application,test,retired\nhost,server,test,\n",
        EDGES + "a,b,depends_on,,\nhost,old,runs_on,,\nhost,a,uses,,\n",
    )
    own = '[completeness.generic]\nrequired = ["owner"]\n'
    assert [name for name, _, _ in details(sqlite_engine, own, "missing_recommended")] == ["host"]
    assert details(sqlite_engine, own, "impossible_relationship") == []
    rule = '[[rules]]\nname = "r"\nclasses = ["server"]\nmessage = "m"\n'
    rule += 'require = { related = { classes = ["application"] } }\n'
    assert details(sqlite_engine, rule, "rule:r") == [("host", "rule:r", "m")]


def test_either_of_two_attributes_will_do_and_classes_have_those_of_the_class_above(
    sqlite_engine: Engine,
) -> None:
    put(
        sqlite_engine,
        "name,ci_class,environment,owner,support_group,serial_number,cloud_id,ip_address\n"
        "a,server,production,Ann,oncall,SN-4711,,10.0.0.1\n"
        "b,server,production,Ann,oncall,,i-0815,10.0.0.2\n"
        "c,server,production,Ann,oncall,,,10.0.0.3\n",
    )
    missing = details(sqlite_engine, "", "missing_recommended")
    assert missing == [("c", "missing_recommended", "serial_number or attributes.cloud_id")]
    own = '[completeness."*"]\nrequired = ["attributes.site"]\n'
    assert len(details(sqlite_engine, own, "missing_required")) == 3


def test_what_is_planned_lacks_nothing_that_is_only_recommended(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class,status\na,server,planned\nb,server,retired\n")
    assert details(sqlite_engine) == [("a", "missing_required", "environment")]


def test_an_orphan_is_in_use_and_related_to_nothing_that_lives(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class,status\na,generic,\nb,generic,\nc,generic,\nspare,generic,in_stock\n"
        "gone,generic,retired\nd,generic,\n",
        EDGES + "a,b,depends_on,,\nc,gone,documents,,\n",
    )
    assert found(sqlite_engine) == {("c", "orphan"), ("d", "orphan")}
    assert found(sqlite_engine, '[orphans]\nignored_classes = ["generic"]\n') == set()


def test_an_application_runs_on_something_and_a_service_stands_on_infrastructure(
    sqlite_engine: Engine,
) -> None:
    put(
        sqlite_engine,
        "name,ci_class,owner,support_group,criticality,cloud_id\n"
        "Shop,business_service,A,g,1,\nPay,business_service,A,g,1,\n"
        "web,application,A,,,\npay-app,application,A,,,\nvm,server,A,,,\n"
        "fn,application,A,,,arn:aws:lambda:1\n",
        EDGES + "Shop,web,depends_on,,\nPay,pay-app,depends_on,,\nweb,vm,runs_on,,\n"
        "Shop,fn,uses,,\n",
    )
    assert found(sqlite_engine, "[completeness.server]\nrequired = []\n") == {
        ("Pay", "no_infrastructure"),
        ("pay-app", "runs_on_nothing"),
    }


def test_one_name_in_one_class_is_a_duplicate_unless_environments_differ(
    sqlite_engine: Engine,
) -> None:
    put(
        sqlite_engine,
        "key,name,ci_class,environment\n"
        "1,Web,generic,production\n2,web,generic,staging\n3,App,generic,production\n"
        "4,app,generic,\n5,app,queue,\n6,x,generic,test\n7,X,generic,test\n",
    )
    names = [(name, detail) for name, _, detail in details(sqlite_engine, "", "duplicate_name")]
    assert names == [
        ("App", "CI 4 has the same name and class"),
        ("app", "CI 3 has the same name and class"),
        ("x", "CI 7 has the same name and class"),
        ("X", "CI 6 has the same name and class"),
    ]


def test_two_that_a_person_kept_apart_are_no_duplicates(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "key,name,ci_class,serial_number\n1,x,server,SN-4711\n2,x,server,SN-4711\n3,x,server,\n",
    )
    with transaction(sqlite_engine) as session:
        session.add(KeptApart(one_id=1, other_id=2, decided_by="Ann", decided_at=now()))
    assert details(sqlite_engine, "", "duplicate_name", "duplicate_identifier") == [
        ("x", "duplicate_name", "CI 3 has the same name and class"),
        ("x", "duplicate_name", "CI 3 has the same name and class"),
        ("x", "duplicate_name", "CI 1, 2 have the same name and class"),
    ]


def test_one_serial_number_or_host_name_is_of_one_thing(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "key,name,ci_class,serial_number,fqdn,status\n"
        "1,a,server,SN 4711,a.example.org,\n2,b,server,sn-4711,b.example.org,\n"
        "3,c,server,,b.example.org,\n4,d,database,,b.example.org,\n5,e,server,SN-4711,,retired\n"
        "6,f,server,unknown,,\n7,g,server,unknown,,\n",
    )
    listed = details(sqlite_engine, "", "duplicate_identifier")
    assert [(name, detail) for name, _, detail in listed] == [
        ("a", "CI 2 has the same serial number sn4711"),
        ("b", "CI 3 has the same fqdn b.example.org"),
        ("b", "CI 1 has the same serial number sn4711"),
        ("c", "CI 2 has the same fqdn b.example.org"),
    ]


def test_a_ci_is_stale_once_every_source_has_been_silent_for_too_long(
    sqlite_engine: Engine,
) -> None:
    put(sqlite_engine, "name,ci_class\na,generic\nb,generic\n", source="one")
    put(sqlite_engine, "name,ci_class\nb,generic\nc,generic\n", source="two")
    with transaction(sqlite_engine) as session:
        session.execute(update(Source).where(Source.name == "two").values(stale_after_days=400))

    def after(days: int, own: str = "") -> set[str]:
        moment = now() + timedelta(days=days)
        return {each[0] for each in details(sqlite_engine, own, "stale", moment=moment)}

    assert after(89) == set()
    assert after(91) == {"a"}
    assert after(401) == {"a", "b", "c"}
    assert after(399, "stale_after_days = 0\n") == set()
    assert after(8, "stale_after_days = 7\n") == {"a"}


def test_what_people_wrote_does_not_age(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class\na,generic\n", source="manual")
    moment = now() + timedelta(days=5000)
    assert details(sqlite_engine, "", "stale", moment=moment) == []


def test_what_no_source_has_any_more_and_a_person_keeps_is_stale(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class\na,generic\nb,generic\n", source="one")
    with transaction(sqlite_engine) as session:
        update_ci(session, 1, CIPatch(status="maintenance"), SYSTEM)
    limits = LoadLimits(max_retired_share=1.0)
    put(sqlite_engine, "name,ci_class\nb,generic\n", source="one", missing="retire", limits=limits)
    (only,) = details(sqlite_engine, "", "stale")
    assert only[0] == "a"
    assert only[2].startswith("no source has it any more, last seen on ")


def conflicting(engine: Engine) -> list[tuple[str, str]]:
    found = examined(engine).findings
    return [
        (each.severity.value, each.detail) for each in found if each.check == "conflicting_sources"
    ]


def test_sources_that_disagree_are_a_conflict_until_an_order_or_a_person_decides(
    engine: Engine,
) -> None:
    put(engine, "name,ci_class,owner,os\nweb,server,One,linux\n", source="one")
    put(engine, "name,ci_class,owner,os\nweb,server,ONE,Linux 6\n", source="two")
    assert conflicting(engine) == []
    put(engine, "name,ci_class,owner\nweb,server,Two\n", source="two")
    detail = "owner is 'One' by one, two says 'Two'"
    assert conflicting(engine) == [("warning", detail)]
    with transaction(engine) as session:
        set_precedence(session, "owner", ["one"], SYSTEM)
    assert conflicting(engine) == [("info", detail)]
    with transaction(engine) as session:
        update_ci(session, 1, CIPatch(owner="Three"), SYSTEM)
    assert conflicting(engine) == []


def test_two_keys_of_one_source_are_no_conflict(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class,owner\nweb,server,One\n", source="one")
    put(sqlite_engine, "name,ci_class,owner\nweb,server,One\n", source="two")
    with transaction(sqlite_engine) as session:
        known = session.get(ExternalKey, ("one", "web"))
        assert known is not None
        said = {**known.said, "owner": "Other"}
        kept = {"ci_id": known.ci_id, "set_by": {}, "seen_at": known.seen_at}
        session.add(ExternalKey(source="one", key="web-2", said=said, **kept))
    assert conflicting(sqlite_engine) == []


def test_a_stale_source_is_no_party_to_a_conflict(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class,owner\nweb,server,One\n", source="one")
    put(sqlite_engine, "name,ci_class,owner\nweb,server,Two\n", source="two")
    with transaction(sqlite_engine) as session:
        session.execute(update(Source).where(Source.name == "one").values(stale_after_days=7))
        long_ago = datetime.now(UTC) - timedelta(days=8)
        old = ExternalKey.source == "one"
        session.execute(update(ExternalKey).where(old).values(seen_at=long_ago))
    assert conflicting(sqlite_engine) == []


def test_impossible_relationships_are_told_by_class_and_type(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class,owner,environment\nhost,server,A,test\nweb,application,A,test\n"
        "room,datacenter,A,test\nc1,container,A,test\n",
        EDGES + "host,web,runs_on,,\nhost,web,uses,,\nroom,c1,depends_on,,\nc1,host,runs_on,,\n",
    )
    assert details(sqlite_engine, "", "impossible_relationship") == [
        (
            "host",
            "impossible_relationship",
            "it runs_on web (application): hardware does not live on software",
        ),
        (
            "room",
            "impossible_relationship",
            "it depends_on c1 (container): buildings, racks and power do not need software",
        ),
    ]
    own = (
        '[[possible]]\ndependents = ["server"]\ntypes = ["runs_on"]\nproviders = ["application"]\n'
        '[[impossible]]\ndependents = ["server"]\ntypes = ["uses"]\nproviders = ["*"]\n'
    )
    listed = details(sqlite_engine, own, "impossible_relationship")
    assert [detail for name, _, detail in listed if name == "host"] == [
        "it uses web (application): it makes no sense"
    ]


def test_what_needs_a_retired_ci_is_found_and_what_is_retired_itself_is_not(
    sqlite_engine: Engine,
) -> None:
    put(
        sqlite_engine,
        "name,ci_class,status\na,generic,\nb,generic,\nold,generic,retired\nolder,generic,retired\n",
        EDGES + "a,b,depends_on,,\na,old,depends_on,,\nold,older,depends_on,,\nb,old,documents,,\n",
    )
    assert details(sqlite_engine) == [
        *[("a", "needs_retired", "it depends_on old, which is retired")],
        *[(name, "missing_recommended", "owner, environment") for name in ("a", "b")],
    ]


def test_a_group_that_needs_more_members_than_live_can_never_be_up(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class\na,generic\nb,generic\nc,generic\nd,generic\n",
        EDGES + "a,b,depends_on,g,2\na,c,depends_on,g,2\nd,b,depends_on,h,100%\n",
    )
    assert found(sqlite_engine) == set()
    with transaction(sqlite_engine) as session:
        retire_ci(session, 3, SYSTEM)
    assert details(sqlite_engine, "", "group_too_small") == [
        ("a", "group_too_small", "group 'g' needs 2 up, 1 are not retired")
    ]


def test_nothing_lives_on_itself(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class\na,generic\nb,generic\nc,generic\nd,generic\ne,generic\n",
        EDGES + "a,b,runs_on,,\nb,c,hosted_on,,\nc,a,runs_on,,\nd,a,runs_on,,\nc,e,runs_on,,\n"
        "d,e,depends_on,,\ne,d,depends_on,,\n",
    )
    rings = details(sqlite_engine, "", "hosting_cycle")
    assert [(name, detail.split(",")[0]) for name, _, detail in rings] == [
        ("a", "it lives on b"),
        ("b", "it lives on c"),
        ("c", "it lives on a"),
    ]


def test_a_record_that_waits_is_told_at_the_cis_that_it_may_be(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "key,name,ci_class,environment\n1,web,server,production\n2,web,server,staging\n",
        source="one",
    )
    put(sqlite_engine, "name,ci_class\nweb,server\n", source="two")
    assert [(name, detail) for name, _, detail in details(sqlite_engine, "", "waiting_review")] == [
        ("web", "review 1: 'web' of two may be this one"),
        ("web", "review 1: 'web' of two may be this one"),
    ]


def test_a_check_can_be_turned_off_or_matter_more(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class,owner,environment\na,generic,A,test\n")
    assert examined(sqlite_engine, '[severity]\norphan = "off"\n').findings == []
    (only,) = examined(sqlite_engine, '[severity]\norphan = "error"\n').findings
    assert only.severity == "error"


RULE = """
[[rules]]
name = "production-is-backed-up"
classes = ["database", "server"]
where = { environment = "prod*", "attributes.os" = ["Linux*", "bsd"] }
require = { field = "attributes.backup", one_of = ["daily", "hourly"] }
severity = "error"
message = "a production machine is backed up at least daily"
[[rules]]
name = "named-by-the-book"
require = { field = "name", matches = "srv-*" }
message = "names begin with srv-"
[[rules]]
name = "stands-in-a-rack"
classes = ["server"]
require = { related = { classes = ["rack"], types = ["hosted_on"] } }
message = "servers stand in racks"
[[rules]]
name = "is-used"
classes = ["server"]
require = { related = { role = "dependent" } }
message = "something needs each server"
"""


def test_rules_of_an_admin_are_kept_or_broken(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class,environment,os,backup\nsrv-1,server,production,linux 6,daily\n"
        "srv-2,server,production,LINUX,weekly\nsrv-3,server,test,linux,\n"
        "srv-4,server,production,,\nsrv-5,server,production,BSD,\nrack,rack,,,\n",
        EDGES + "srv-1,rack,hosted_on,,\nsrv-2,rack,depends_on,,\nsrv-3,srv-4,uses,,\n",
    )
    broken = {each for each in found(sqlite_engine, RULE) if each[1].startswith("rule:")}
    assert broken == {
        *{(f"srv-{number}", "rule:production-is-backed-up") for number in (2, 5)},
        ("rack", "rule:named-by-the-book"),
        *{(f"srv-{number}", "rule:stands-in-a-rack") for number in (2, 3, 4, 5)},
        *{(f"srv-{number}", "rule:is-used") for number in (1, 2, 3, 5)},
    }


def test_one_of_compares_values_and_reads_no_pattern(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "name,ci_class,code\na,generic,A*\nb,generic,ABC\n")
    rule = '[[rules]]\nname = "r"\nmessage = "m"\n'
    rule += 'require = { field = "attributes.code", one_of = ["a*"] }\n'
    assert details(sqlite_engine, rule, "rule:r") == [("b", "rule:r", "m")]


def test_the_score_can_be_checked_by_hand(sqlite_engine: Engine) -> None:
    put(
        sqlite_engine,
        "name,ci_class,owner,environment,support_group,criticality\n"
        "S,business_service,A,test,g,\na,generic,A,test,,\nb,generic,A,,,\nc,generic,A,test,,\n",
        EDGES + "a,b,depends_on,,\nS,a,depends_on,,\n",
    )
    examination = examined(sqlite_engine, '[severity]\nno_infrastructure = "off"\n')
    numbers = examination.numbers(examination.within(Scope()))
    # S lacks its criticality, c is an orphan, b lacks what is recommended, a is healthy.
    assert (numbers.errors, numbers.warnings, numbers.infos) == (1, 1, 1)
    assert numbers.score == 60.0  # 100 x (1 - (1 + 0.5 + 0.1) / 4)
    assert list(numbers.by_category.values()) == [72.5, 87.5, None]
    generic = examination.numbers(examination.within(Scope(classes=("generic",))))
    assert (generic.configuration_items, generic.score) == (3, 80.0)


def test_the_seed_company_is_in_good_health_and_its_known_gaps_are_found(
    sqlite_engine: Engine,
) -> None:
    files = [InputFile(each.name, each.read_bytes()) for each in sorted(SEED.glob("*.csv"))]
    with transaction(sqlite_engine) as session:
        load(session, files, LoadOptions(), SYSTEM, LoadLimits())
    assert {(name, check) for name, check, _ in details(sqlite_engine)} == {
        ("rental-app", "runs_on_nothing"),
        ("vpn-gateway", "runs_on_nothing"),
        ("notify-worker", "needs_retired"),
    }
