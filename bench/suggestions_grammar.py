"""A seeded grammar of incidents: texts to measure speed and size on, clearly not quality.

A trouble is a fault of a product; a few troubles have thousands of incidents and most have a few.
An incident tells phrases of its trouble, among sentences that could stand in any, with a host, a
time and numbers of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

PRODUCTS = (
    "PostgreSQL", "MySQL", "Redis", "Kafka", "RabbitMQ", "Elasticsearch", "nginx", "HAProxy",
    "Kubernetes", "etcd", "Ceph", "VMware", "Active Directory", "Exchange", "Oracle", "SAP",
    "Tomcat", "Jenkins", "GitLab", "Vault", "Consul", "Cassandra", "MongoDB", "Postfix",
)  # fmt: skip

FAULTS = (
    ("connection pool exhausted", "new sessions", "PoolTimeoutException"),
    ("disk full", "writes", "NoSpaceLeftError"),
    ("certificate expired", "encrypted connections", "CertificateExpiredException"),
    ("replication lagging", "reads from the replica", "ReplicationLagWarning"),
    ("memory leak", "worker processes", "OutOfMemoryError"),
    ("deadlock", "concurrent updates", "DeadlockDetectedException"),
    ("name resolution failing", "look-ups of peers", "UnknownHostException"),
    ("leader election looping", "cluster membership", "ElectionTimeoutError"),
    ("slow queries", "long reports", "StatementTimeoutException"),
    ("queue growing", "consumers", "BackpressureError"),
    ("logins refused", "users signing in", "AuthenticationFailure"),
    ("clock drifting", "tokens and leases", "ClockSkewException"),
    ("backup failing", "nightly jobs", "SnapshotFailedError"),
    ("upgrade stuck", "rolling restarts", "MigrationLockedException"),
    ("packets lost", "traffic between racks", "ConnectionResetError"),
    ("index corrupted", "searches", "ChecksumMismatchException"),
    ("threads blocked", "request handling", "ThreadPoolExhaustedError"),
    ("licence exceeded", "new installations", "LicenceLimitException"),
    ("configuration drifted", "parameters after a change", "ConfigMismatchError"),
    ("cache stampede", "cold keys", "CacheMissStorm"),
    ("storage latency", "fsync of logs", "IOWaitExceededError"),
    ("firewall rule missing", "calls to a neighbour", "NoRouteToHostException"),
    ("file handles used up", "sockets and logs", "TooManyOpenFilesError"),
    ("schema mismatch", "deserialisation of messages", "IncompatibleSchemaException"),
)

_SYMPTOMS = (
    "{product} {fault}: {what} fail",
    "{what} of {product} time out after thirty seconds",
    "{product} logs {error} many times a minute",
    "users see errors whenever {what} of {product} are involved, {fault}",
)
_CAUSES = (
    "the root cause was {fault} in {product}, seen first in {what}",
    "a change of limits let {product} run into {error}",
)
_WORKAROUNDS = (
    "restart {product} on the node that shows {error} and drain {what} first",
    "raise the limit for {what} of {product} until the load is gone",
)
_FIXES = (
    "{product} was reconfigured so that {fault} cannot come back, with an alert on {what}",
    "the vendor's patch for {error} in {product} was rolled out to all nodes",
)

_WHO = (
    "the service desk", "the on-call engineer", "a batch job", "the monitoring system",
    "the network team", "a customer", "the night shift", "the platform team",
)  # fmt: skip
_DID = (
    "reported that response times had doubled since the morning",
    "checked the dashboards and found nothing unusual on the hosts next to it",
    "compared the configuration with that of last week without finding a difference",
    "restarted one instance by hand, which helped for about ten minutes",
    "collected thread dumps and attached them to the ticket for later analysis",
    "asked whether a deployment had been done in the maintenance window",
    "opened a bridge call together with the owners of the dependent services",
    "confirmed that only one data centre was affected and moved traffic away",
    "saw the error rate climb to seven per cent before it fell again",
    "could not reproduce the problem from another network segment",
    "noticed that the disks of the standby were busier than those of the primary",
    "closed forty alerts of the same kind as followers of this one",
)
_FILLERS = tuple(f"{who} {did}" for who in _WHO for did in _DID)


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence as it stands in a text, and the phrase that it was made of."""

    text: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of a product, by its place among all of them."""

    number: int
    slots: dict[str, str] = field(hash=False)

    def told(self, templates: tuple[str, ...]) -> list[str]:
        return [template.format(**self.slots) for template in templates]


def troubles() -> list[Trouble]:
    """All of them, in a seeded order: the first ones are the frequent ones."""
    found = [
        {"product": product, "fault": fault, "what": what, "error": error}
        for product in PRODUCTS
        for fault, what, error in FAULTS
    ]
    Random(3).shuffle(found)
    return [Trouble(number, slots) for number, slots in enumerate(found)]


def phrases() -> list[str]:
    """Every phrase that a text can be made of: these are encoded for real."""
    templates = _SYMPTOMS + _CAUSES + _WORKAROUNDS + _FIXES
    return [phrase for each in troubles() for phrase in each.told(templates)] + list(_FILLERS)


def texts(trouble: Trouble, host: str, sentences: int, random: Random) -> dict[str, list[Line]]:
    """The lines of each field of an incident: `title`, `description`, `symptoms`, `root_cause`,
    `workaround`, `resolution`; `sentences` of them could stand anywhere."""
    symptoms = trouble.told(_SYMPTOMS)
    random.shuffle(symptoms)
    clock = f"{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}"
    code = random.randrange(9999)
    description = [Line(f"{clock} {host} {symptoms[0]} (code {code})", symptoms[0])]
    description += _fillers(random, sentences)
    return {
        "title": [Line(f"{symptoms[1]} on {host}", symptoms[1])],
        "description": description,
        "symptoms": [Line(f"{symptoms[2]} on {host}.", symptoms[2])],
        "root_cause": _one(trouble, _CAUSES, random),
        "workaround": _one(trouble, _WORKAROUNDS, random),
        "resolution": _one(trouble, _FIXES, random),
    }


def known_error(trouble: Trouble) -> dict[str, list[Line]]:
    """The same of a known error, without a host; `fix` in place of `resolution`."""
    told = {
        "title": trouble.told(_SYMPTOMS[:1]),
        "symptoms": trouble.told(_SYMPTOMS),
        "root_cause": trouble.told(_CAUSES),
        "workaround": trouble.told(_WORKAROUNDS),
        "fix": trouble.told(_FIXES),
    }
    return {name: [Line(phrase, phrase) for phrase in each] for name, each in told.items()}


def questions(count: int, hosts: int, seed: int) -> Iterator[tuple[str, int]]:
    """Texts as callers would send them, no two alike, each with the number of its trouble."""
    random = Random(seed)
    known = troubles()
    for number in range(count):
        trouble = known[min(int(random.paretovariate(0.5)) - 1, len(known) - 1)]
        said = random.sample(trouble.told(_SYMPTOMS), 2)
        host = f"host-{random.randint(1, hosts):07}"
        filler = random.choice(_FILLERS)
        yield f"{said[0]}\n{filler} on {host}, {said[1]}, ticket {number}", trouble.number


def _one(trouble: Trouble, templates: tuple[str, ...], random: Random) -> list[Line]:
    phrase = random.choice(trouble.told(templates))
    return [Line(f"{phrase}, step {random.randrange(1, 99)}.", phrase)]


def _fillers(random: Random, count: int) -> list[Line]:
    return [
        Line(f"{phrase} ({random.randrange(100, 10_000)} requests).", phrase)
        for phrase in random.choices(_FILLERS, k=count)
    ]
