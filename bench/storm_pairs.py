"""Generated storms in the seed company: what the product makes of them, and its constants."""

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.confidence import calibration_error
from bench.seeded import Seeded
from bench.storms import Alert, storm
from cmdb.graph import GraphSnapshot
from cmdb.models import ConfigurationItem, LifecycleStatus
from kb.clusters import clusters
from kb.duplicates import same_trouble, signs_between
from kb.logged_incidents import LoggedIncident
from kb.places import places_between
from kb.same_trouble import SAME_FROM, Signs
from opsatlas.db.transaction import reading
from search import repository
from search.collection import Collection
from search.comparison import compare
from search.in_memory import VectorsInMemory
from search.lexical_fields import LexicalEntry
from search.meaning import DocumentVectors
from search.shelves import Shelf

WINDOW = timedelta(hours=24)
FIRST_ID = 1_000_000
"""Of generated documents, beyond all of the seed data."""
SCENE = 100
DEPENDENTS = range(2, 30)
"""How many a CI has that is let fail."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One storm: its alerts, which pairs are of one failure, and what is known of the pairs."""

    alerts: list[Alert]
    incidents: list[LoggedIncident]
    texts: list[str]
    same: NDArray[np.bool_]
    signs: Signs


def measure_storms(found: Seeded, count: int, *, fit: bool) -> dict[str, Any]:
    """Pairs and groups of generated storms; with `fit` constants from the first half of them."""
    with reading(found.engine) as session:
        scenes = _scenes(found, session, count)
    held_out = scenes[count // 2 :]
    report: dict[str, Any] = {"scenes": len(held_out)} | _scores(held_out, found.graph.snapshot)
    report |= {"rival, alerts of one rule": _rival(held_out)}
    if fit:
        report |= {"constants": _fit(scenes[: count // 2])}
    return report


def _scenes(found: Seeded, session: Session, count: int) -> list[Scene]:
    dice = random.Random(20261102)
    ids = {
        row.name: row.id
        for row in session.execute(
            select(ConfigurationItem.id, ConfigurationItem.name).where(
                ConfigurationItem.status != LifecycleStatus.RETIRED
            )
        )
    }
    places = _places(found.graph.snapshot, ids)
    storms = []
    for _ in range(count):
        cis, elsewhere = _two_places(found.graph.snapshot, places, ids, dice)
        storms.append(storm(dice, cis, elsewhere, size=dice.choice((10, 40, 80))))
    collection, texts = _collection(found, session, [alert for each in storms for alert in each])
    scenes, start = [], 0
    for alerts in storms:
        numbers = range(start, start + len(alerts))
        start += len(alerts)
        scenes.append(_scene(found, collection, alerts, {n: texts[n] for n in numbers}, ids))
    return scenes


def _scene(
    found: Seeded,
    collection: Collection,
    alerts: list[Alert],
    texts: dict[int, str],
    ids: dict[str, int],
) -> Scene:
    incidents = [
        LoggedIncident(
            number, FIRST_ID + number, str(number), alert.title, None, alert.opened_at,
            {name: ids[name] for name in alert.cis},
        )
        for number, alert in zip(texts, alerts, strict=True)
    ]  # fmt: skip
    compared = compare(collection, {FIRST_ID + n: text for n, text in texts.items()}, None)
    failures = np.array([alert.failure for alert in alerts])
    told = list(texts.values())
    return Scene(
        alerts,
        incidents,
        told,
        failures[:, None] == failures[None, :],
        signs_between(incidents, told, compared.likeness, found.graph.snapshot),
    )


def _collection(
    found: Seeded, session: Session, alerts: Sequence[Alert]
) -> tuple[Collection, dict[int, str]]:
    """The seed data's documents and all alerts, and the text of each alert by its number."""
    texts = {n: f"{alert.title}\n{alert.description}" for n, alert in enumerate(alerts)}
    shelf = Shelf("incident")
    vectors = found.embedder.encode(list(texts.values()))
    collection = Collection(VectorsInMemory(found.embedder.dimensions))
    collection.apply(
        [
            *repository.entries(session),
            *(
                LexicalEntry(FIRST_ID + n, shelf, alert.title, alert.description)
                for n, alert in enumerate(alerts)
            ),
        ],
        [DocumentVectors(FIRST_ID + n, shelf, passages={FIRST_ID + n: vectors[n]}) for n in texts],
    )
    return collection, texts


def _places(snapshot: GraphSnapshot, ids: dict[str, int]) -> list[list[str]]:
    """CIs that may fail, each with its dependents, the failed one first."""
    names = {ci_id: name for name, ci_id in ids.items()}
    places = []
    for ci_id, name in names.items():
        if not snapshot.has(ci_id):
            continue
        edges = snapshot.edges_to_dependents(snapshot.index_of(ci_id))
        dependents = dict.fromkeys(int(snapshot.ids[index]) for index in snapshot.dependent[edges])
        if len(dependents) in DEPENDENTS:
            places.append([name, *(names[each] for each in dependents if each in names)])
    return places


def _two_places(
    snapshot: GraphSnapshot, places: list[list[str]], ids: dict[str, int], dice: random.Random
) -> tuple[list[str], list[str]]:
    """Two places that are not near each other."""
    while True:
        one, other = dice.sample(places, 2)
        sets = [[ids[name]] for name in (*one, *other)]
        if not places_between(snapshot, sets).near[: len(one), len(one) :].any():
            return one, other


def _scores(scenes: Sequence[Scene], snapshot: GraphSnapshot) -> dict[str, Any]:
    """Of pairs by their own confidence, of the groups that follow, and how calibrated it is."""
    sure: list[NDArray[np.float64]] = []
    same: list[NDArray[np.bool_]] = []
    grouped: list[NDArray[np.bool_]] = []
    exact = 0
    for scene in scenes:
        upper = np.triu_indices(len(scene.alerts), 1)
        found = same_trouble(scene.incidents, scene.texts, scene.signs.alike, snapshot, WINDOW)
        together = np.zeros_like(scene.same)
        for rows in clusters(found, SAME_FROM):
            together[np.ix_(rows, rows)] = True
        exact += bool((together == scene.same).all())
        sure.append(found[upper].astype(np.float64))
        same.append(scene.same[upper])
        grouped.append(together[upper])
    all_sure, all_same = np.concatenate(sure), np.concatenate(same)
    weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in same])
    return {
        "pairs": _rates(all_sure >= SAME_FROM, all_same, weights),
        "groups": _rates(np.concatenate(grouped), all_same, weights),
        "scenes grouped exactly": round(exact / len(scenes), 3),
        "calibration error of pairs": round(calibration_error(all_sure, all_same), 3),
    }


def _rival(scenes: Sequence[Scene]) -> dict[str, float]:
    """Alerts of one rule are one, wherever and whenever."""
    said, same = [], []
    for scene in scenes:
        upper = np.triu_indices(len(scene.alerts), 1)
        names = np.array([alert.title.split()[1] for alert in scene.alerts])
        said.append((names[:, None] == names[None, :])[upper])
        same.append(scene.same[upper])
    weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in same])
    return _rates(np.concatenate(said), np.concatenate(same), weights)


def _rates(
    said: NDArray[np.bool_], same: NDArray[np.bool_], weights: NDArray[np.float64]
) -> dict[str, float]:
    """Precision and recall; every scene counts the same, however many pairs it has."""
    right = weights[said & same].sum()
    return {
        "precision": round(float(right / weights[said].sum()), 3) if said.any() else 0.0,
        "recall": round(float(right / weights[same].sum()), 3),
    }


def _fit(scenes: Sequence[Scene]) -> dict[str, float]:
    """Maximum likelihood (L2, C = 1). Pairs of one scene are no independent observations: each
    scene counts as `SCENE` pairs."""
    features, same, weights = [], [], []
    for scene in scenes:
        upper = np.triu_indices(len(scene.alerts), 1)
        signs = np.stack([each[upper] for each in astuple(scene.signs)], axis=1)
        signs[:, 3] = np.log1p(signs[:, 3])
        features.append(signs)
        same.append(scene.same[upper])
        weights.append(np.full(len(signs), SCENE / len(signs)))
    model = LogisticRegression(C=1.0, max_iter=2000)
    model.fit(np.vstack(features), np.concatenate(same), sample_weight=np.concatenate(weights))
    names = ("alike", "near", "apart", "hours", "scope", "rule")
    return {"intercept": round(float(model.intercept_[0]), 2)} | {
        name: round(float(weight), 2) for name, weight in zip(names, model.coef_[0], strict=True)
    }
