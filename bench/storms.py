"""Storms of alerts from a seeded grammar, each alert with the failure that it is of.

Clearly not for judging how well texts are understood: the words are few. What is measured is
whether alerts of one failure come together while near misses stay apart: the same alert on another
cluster at the same time, the same alert on the same cluster on another day, and other alerts.
"""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 2, 9, tzinfo=UTC)

_ALERTS = (
    ("PgTooManyConnections", "connections of {host} are at {n} of {limit}", "database"),
    ("KubePodCrashLooping", "pod {pod} restarts over and over, {n} times in 10 minutes", "pod"),
    ("TargetDown", "{n} % of the targets of job {job} are down", "scrape"),
    ("HighErrorRate", "{job} answers {n} % of requests with 5xx", "http"),
    ("DiskWillFillSoon", "/var/lib on {host} is full in {n} hours at this rate", "disk"),
    ("CertificateExpiresSoon", "certificate served by {host}:443 expires in {n} hours", "tls"),
    ("ReplicationLag", "replica {host} is {n} seconds behind its primary", "database"),
    ("KafkaUnderReplicated", "broker {host} has {n} under-replicated partitions", "queue"),
    ("LatencyTooHigh", "p99 of {job} is {n} ms, target 300 ms", "http"),
    ("NodeNotReady", "node {host} is not ready for {n} minutes, kubelet stopped posting", "node"),
    ("DnsLookupsFail", "{n} lookups a second fail on {host}, SERVFAIL", "network"),
    ("QueueGrows", "queue of {job} holds {n} messages and grows", "queue"),
    ("LoginFailures", "{n} failed logins a minute at {job}", "security"),
    ("BackupTooOld", "last good backup of {host} is {n} hours old", "backup"),
    ("OomKills", "kernel killed {n} processes on {host} for memory", "memory"),
    ("LinkFlapping", "interface eth1 of {host} went down {n} times in 5 minutes", "network"),
)
_JOBS = ("orders-api", "cart-api", "search-api", "pricing-api", "login-api", "stock-api")
_CLUSTERS = ("k8s-nord", "k8s-sued", "k8s-west", "k8s-ost")
_ENVIRONMENTS = ("production", "staging")
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Alert:
    """One generated alert, as it is logged."""

    title: str
    description: str
    opened_at: datetime
    cis: tuple[str, ...]
    failure: str
    """Which failure it is of: alerts of one value are one trouble."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong: an alert rule, where, and when it began."""

    name: str
    rule: int
    cluster: str
    job: str
    began: datetime
    minutes: int
    cis: Sequence[str]
    """The failed CI and its dependents; empty where alerts name none."""
    labelled: bool = True
    """Whether alerts carry the labels `cluster` and `alertname`; else both stand in words."""


def alerts_of(failure: Failure, count: int, dice: random.Random) -> list[Alert]:
    """`count` alerts of one failure, spread over the minutes that it lasts."""
    return [_alert(failure, dice) for _ in range(count)]


def storm(
    dice: random.Random,
    cis: Sequence[str] = (),
    elsewhere: Sequence[str] = (),
    *,
    size: int = 40,
) -> list[Alert]:
    """A scene: a large failure, a smaller one, their near misses, and ten that stand alone.

    `cis` are names of CIs that belong together, the failed one first; `elsewhere` are of the other
    cluster. In half of the scenes alerts carry the labels of their rule and cluster.
    """
    rules = dice.sample(range(len(_ALERTS)), len(_ALERTS))
    labelled = dice.random() < 0.5
    one, other = dice.sample(_CLUSTERS, 2)
    jobs = dice.sample(_JOBS, 3)
    began = START + timedelta(hours=dice.randrange(48))
    main = Failure("main", rules[0], one, jobs[0], began, dice.randint(3, 45), cis, labelled)
    second = Failure("second", rules[1], one, jobs[1], began, dice.randint(3, 45), (), labelled)
    near = (
        Failure("other cluster", rules[0], other, jobs[2], began, 30, elsewhere, labelled),
        Failure("other day", rules[0], one, jobs[0], began - timedelta(hours=dice.randint(20, 30)),
                20, cis[:1], labelled),
    )  # fmt: skip
    alerts = alerts_of(main, size, dice) + alerts_of(second, max(size // 10, 2), dice)
    for failure in near:
        alerts += alerts_of(failure, max(size // 10, 2), dice)
    for number, rule in enumerate(rules[2:12]):
        minutes = timedelta(minutes=dice.randint(-600, 60))
        cluster, job = dice.choice(_CLUSTERS), dice.choice(_JOBS)
        alone = Failure(f"alone {number}", rule, cluster, job, began + minutes, 5, (), labelled)
        alerts += alerts_of(alone, 1, dice)
    return alerts


def _alert(failure: Failure, dice: random.Random) -> Alert:
    rule, summary, team = _ALERTS[failure.rule]
    at = failure.began + timedelta(seconds=dice.randrange(failure.minutes * 60))
    pod = f"{failure.job}-{_letters(dice, 9)}-{_letters(dice, 5)}"
    host = f"{failure.cluster.replace('k8s', 'node')}-{dice.randrange(1, 60):02d}"
    cis = [dice.choice(failure.cis)] if failure.cis and dice.random() < 0.7 else []
    said = summary.format(
        host=host, pod=pod, job=failure.job, n=dice.randrange(2, 900), limit=dice.randrange(900)
    )
    labels = {
        "instance": f"{host}:{dice.choice((9100, 9187, 8080))}",
        "pod": pod,
        "job": failure.job,
        "team": team,
        "severity": dice.choice(("critical", "warning")),
    }
    if failure.labelled:
        labels = {"alertname": rule, "cluster": failure.cluster} | labels
    written = " ".join(f'{name}="{value}"' for name, value in labels.items())
    return Alert(
        title=f"[FIRING:1] {rule} {cis[0] if cis else host}",
        description=f"{written}\nsummary: {said}\nstartsAt: {at.isoformat()}\n"
        f"fingerprint: {dice.getrandbits(64):016x}",
        opened_at=at,
        cis=tuple(cis),
        failure=failure.name,
    )


def _letters(dice: random.Random, count: int) -> str:
    return "".join(dice.choice(_SAFE) for _ in range(count - 1)) + dice.choice(string.digits[4:])
