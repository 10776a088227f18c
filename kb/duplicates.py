"""Open incidents that are one trouble: those that a question resembles, and storms of alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import numpy as np
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot
from kb.clusters import clusters
from kb.duplicate_schemas import GroupedIncident, IncidentGroup, OpenDuplicate, WhyDuplicate
from kb.logged_incidents import (
    LoggedIncident,
    documents_of,
    ids_of_cis,
    is_open,
    newest_incidents,
    with_cis,
)
from kb.models import Incident
from kb.naming import common_cis, common_terms
from kb.places import places_between
from kb.proximity import Nearness, nearest
from kb.same_trouble import (
    SAME_FROM,
    Numbers,
    Signs,
    confidence,
    labels_of,
    rules_differ,
    scopes_differ,
)
from opsatlas.groups import UNGROUPED
from search.collection import Collection
from search.comparison import Compared, compare, compare_with, texts_of
from search.retriever import Retrieval

NOT_ENCODED = "not_encoded"
"""Notice: some of the incidents have no vectors, and were compared by their words alone."""
LEFT_OUT = "incidents_left_out"
"""Notice: there are more incidents than are compared at once; the newest were."""

_BY_WORDS, _BY_MEANING, _FIRST = 16, 8, 4
"""Open incidents that a question is compared with closely: those most like it by each; of a storm
the newest, and so many that came first."""
_COMPARED = 64
"""The newest open incidents, which are looked at by meaning too."""
_LISTED = 10
_AS_ALIKE = 0.8
"""Share of the best match's BM25 from which another is as alike."""
_CIS_LISTED = 20
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class DuplicatePolicy:
    """The settings that looking for duplicates depends on."""

    window: timedelta = timedelta(hours=72)
    """The setting `duplicates_window`: what was opened longer ago is no duplicate."""
    looked_at: int = 200
    """The setting `duplicates_looked_at`: open incidents that one question looks at, the newest."""
    grouped: int = 2_000
    """The setting `duplicates_grouped`: open incidents that are grouped at once, the newest."""


DEFAULT_POLICY = DuplicatePolicy()


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Open incidents that are probably the same trouble as what was asked about."""

    listed: list[OpenDuplicate]
    """Newest first, at most ten."""
    original: str | None
    """The number of the one that was opened first, listed or not."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups of open incidents, the largest first."""

    groups: list[IncidentGroup]
    open_incidents: int
    alone: int
    notices: list[str]


def open_lately(
    session: Session,
    at: datetime,
    policy: DuplicatePolicy = DEFAULT_POLICY,
    groups: frozenset[str] | None = UNGROUPED,
) -> list[LoggedIncident]:
    """The open incidents that a question asked at `at` may be a duplicate of, newest first."""
    lately = Incident.opened_at >= at - policy.window
    return newest_incidents(session, policy.looked_at, groups, is_open(), lately)


def duplicates_of(
    session: Session,
    opened: Sequence[LoggedIncident],
    retrieval: Retrieval,
    text: str,
    near: Mapping[int, Nearness],
    at: datetime,
    *,
    but: str | None = None,
    groups: frozenset[str] | None = UNGROUPED,
) -> Duplicates:
    """The open incidents that are probably the same trouble as a question asked at `at`.

    `opened` is what `open_lately` found, `near` are the CIs near the question's; `but` is the
    question's own number, where it is logged already. All have a confidence of at least one half.
    """
    opened = [each for each in opened if each.number != but]
    if not opened:
        return Duplicates([], None)
    candidates = _most_alike(opened, retrieval)
    texts = texts_of(session, documents_of(candidates))
    candidates = [each for each in candidates if each.document in texts]
    if not candidates:
        return Duplicates([], None)
    with_cis(session, candidates)
    texts = {each.document: texts[each.document] for each in candidates}
    alike = compare_with(retrieval.collection, text, retrieval.question, texts, groups)
    places = [nearest(near, each.cis) for each in candidates]
    gone = [abs((at - each.opened_at).total_seconds()) for each in candidates]
    asked, labels = [labels_of(text)], [labels_of(each) for each in texts.values()]
    signs = Signs(
        alike=alike,
        near=np.array([place[1].closeness if place else 0.0 for place in places], np.float32),
        apart=np.array(
            [
                float(bool(near) and place is None and bool(ids_of_cis(each)))
                for place, each in zip(places, candidates, strict=True)
            ],
            np.float32,
        ),
        hours=np.array([each / 3600 for each in gone], np.float32),
        scope=scopes_differ(asked, labels)[0],
        rule=rules_differ(asked, labels)[0],
    )
    sure = confidence(signs)
    found = [
        OpenDuplicate(
            number=each.number,
            title=each.title,
            opened_at=each.opened_at,
            confidence=round(float(sure[row]), _DECIMALS),
            because=WhyDuplicate(
                alike=round(float(signs.alike[row]), _DECIMALS),
                graph=round(float(signs.near[row]), _DECIMALS),
                minutes=round(gone[row] / 60, 1),
            ),
        )
        for row, each in enumerate(candidates)
        if sure[row] >= SAME_FROM
    ]
    found.sort(key=lambda each: (each.opened_at, each.number), reverse=True)
    return Duplicates(found[:_LISTED], found[-1].number if found else None)


def _most_alike(opened: Sequence[LoggedIncident], retrieval: Retrieval) -> list[LoggedIncident]:
    """Those of the open incidents whose texts promise most, by words or, of the newest, by
    meaning. Of a storm, of which many promise as much, the newest and the first. `opened` is newest
    first."""
    collection, question = retrieval.collection, retrieval.question
    row_of = {each.document: row for row, each in enumerate(opened)}
    found = collection.lexical_scores(question.whole, list(row_of))
    best = max(found.values(), default=0.0)
    alike = sorted(row_of[id_] for id_, score in found.items() if score >= _AS_ALIKE * best)
    if len(alike) > _BY_WORDS:
        rows = alike[: _BY_WORDS - _FIRST] + alike[-_FIRST:]
    else:
        rows = [row_of[id_] for id_ in islice(found, _BY_WORDS)]
    newest = list(row_of)[:_COMPARED]
    near = collection.nearness(question, newest)
    cosines = np.fmax(near.whole, near.line)
    by_meaning = np.argsort(-np.nan_to_num(cosines), kind="stable")[:_BY_MEANING].tolist()
    rows += [row for row in by_meaning if cosines[row] > 0]
    return [opened[row] for row in sorted(set(rows))]


def group_open_incidents(
    session: Session,
    collection: Collection,
    snapshot: GraphSnapshot,
    *,
    since: datetime | None = None,
    members: int = 50,
    policy: DuplicatePolicy = DEFAULT_POLICY,
    groups: frozenset[str] | None = UNGROUPED,
) -> Grouped:
    """Open incidents, of `since` or later where that is given, those of one trouble together.

    Only incidents that a caller in `groups` may read are looked at. Of each group `members` are
    listed, the newest.
    """
    where = [is_open()] if since is None else [is_open(), Incident.opened_at >= since]
    opened = newest_incidents(session, policy.grouped + 1, groups, *where)
    notices = [LEFT_OUT] if len(opened) > policy.grouped else []
    opened = opened[: policy.grouped]
    texts = texts_of(session, documents_of(opened))
    opened = [each for each in opened if each.document in texts]
    with_cis(session, opened)
    texts = {each.document: texts[each.document] for each in opened}
    compared = compare(collection, texts, groups)
    if not compared.encoded:
        notices.append(NOT_ENCODED)
    same = same_trouble(opened, list(texts.values()), compared.likeness, snapshot, policy.window)
    found = [rows for rows in clusters(same, SAME_FROM) if len(rows) > 1]
    described = [_described(rows, opened, compared, same, members) for rows in found]
    described.sort(key=lambda each: (-each.count, each.duplicate_of))
    alone = len(opened) - sum(map(len, found))
    return Grouped(described, len(opened), alone, notices)


def same_trouble(
    incidents: Sequence[LoggedIncident],
    texts: Sequence[str],
    alike: Numbers,
    snapshot: GraphSnapshot,
    window: timedelta,
) -> Numbers:
    """(n, n): how likely each two incidents are one trouble; 0 where more than `window` lies
    between them, whatever else they share."""
    signs = signs_between(incidents, texts, alike, snapshot)
    sure = confidence(signs)
    sure[signs.hours > window.total_seconds() / 3600] = 0.0
    np.fill_diagonal(sure, 1.0)
    return sure


def signs_between(
    incidents: Sequence[LoggedIncident],
    texts: Sequence[str],
    alike: Numbers,
    snapshot: GraphSnapshot,
) -> Signs:
    """What is known of each two incidents: arrays (n, n)."""
    places = places_between(snapshot, [ids_of_cis(each) for each in incidents])
    opened = np.array([each.opened_at.timestamp() for each in incidents])
    labels = [labels_of(text) for text in texts]
    return Signs(
        alike,
        places.near,
        places.apart,
        (np.abs(opened[:, None] - opened[None, :]) / 3600).astype(np.float32),
        scopes_differ(labels, labels),
        rules_differ(labels, labels),
    )


def _described(
    rows: Sequence[int],
    opened: Sequence[LoggedIncident],
    compared: Compared,
    same: Numbers,
    members: int,
) -> IncidentGroup:
    """One group; `opened` is newest first, and so are its rows."""
    among = same[np.ix_(rows, rows)]
    sure = (among.sum(axis=1) - 1) / (len(rows) - 1)
    of_group = [opened[row] for row in rows]
    first = min(of_group, key=lambda each: (each.opened_at, each.id))
    return IncidentGroup(
        duplicate_of=first.number,
        title=first.title,
        count=len(rows),
        first_opened=first.opened_at,
        last_opened=of_group[0].opened_at,
        confidence=round(float(sure.mean()), _DECIMALS),
        common_terms=common_terms([compared.texts[row] for row in rows], compared.idf),
        cis=[name for name, _ in common_cis(each.cis for each in of_group)][:_CIS_LISTED],
        incidents=[
            GroupedIncident(
                number=each.number,
                title=each.title,
                opened_at=each.opened_at,
                confidence=round(float(mean), _DECIMALS),
            )
            for each, mean in zip(of_group[:members], sure, strict=False)
        ],
    )
