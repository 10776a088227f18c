"""Another model without downtime: the old space serves until the new one is whole, never both."""

import dataclasses
import shutil
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from opsatlas import revision
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.model import Model
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from opsatlas.worker import Worker
from search import in_step, spaces
from search.documents import TextDocument, put_documents
from search.embedder import PLAIN_MODEL_ID, ModelUnavailableError, Vectors
from search.encoding import encode_missing, is_whole
from search.held_models import HeldModels
from search.model_choice import ModelChoice, chosen_model
from search.models import SearchVector
from search.onnx_embedder import OnnxEmbedder
from search.retriever import INDEX_REBUILDING, Retriever
from search.space_keeper import SpaceKeeper, fill, fill_kind
from search.space_models import SpaceState, SpaceWish, VectorSpace
from search.spaces import Space
from search.warming import WarmingEmbedder
from tests.search.conftest import CountingEmbedder, HashingEmbedder

LEASE = 60.0


class Turned(HashingEmbedder):
    """The same words in other places: compared across spaces, everything looks unlike."""

    model_id = "turned"

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.ascontiguousarray(super().encode(texts)[:, ::-1])


class Narrow(HashingEmbedder):
    """Half as wide."""

    model_id = "narrow"
    dimensions = 16


OLD, TURNED, NARROW = (
    Space(each.model_id, each.dimensions) for each in (HashingEmbedder, Turned, Narrow)
)
EMBEDDERS = {each.model_id: each for each in (HashingEmbedder, Turned, Narrow)}


def text(number: int) -> str:
    """What the one passage of a document says, so that asking it has a cosine of 1."""
    return f"Pool {number} is full\n\nrestart pool {number}"


def put(engine: Engine, *numbers: int) -> None:
    documents = [
        TextDocument("incident", f"INC-{n}", f"Pool {n} is full", f"restart pool {n}")
        for n in numbers
    ]
    with transaction(engine) as session:
        put_documents(session, documents)


def wish(engine: Engine, process: str, space: Space) -> None:
    with transaction(engine) as session:
        spaces.declare(session, process, space)


def withdraw(engine: Engine, process: str) -> None:
    with transaction(engine) as session:
        spaces.withdraw(session, process)


def settle(engine: Engine) -> str | None:
    """The model id of the space that serves after all wishes were looked at."""
    with transaction(engine) as session:
        spaces.settle(session, LEASE)
        found = spaces.served(session)
    return None if found is None else found.model_id


def encode(engine: Engine, space: Space) -> int:
    return encode_missing(engine, EMBEDDERS[space.model_id](), batch_size=4)


def states(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        return {each.model_id: each.state.value for each in spaces.reports(session)}


def vectors(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        rows = session.execute(select(SearchVector.model_id, func.count()).group_by("model_id"))
        return {row[0]: row[1] for row in rows}


def asking(engine: Engine, models: HeldModels | None = None) -> Retriever:
    held = models or HeldModels(OLD, warming)
    return Retriever(engine, held.wanted, embedder_of=held.of)


def warming(space: Space) -> WarmingEmbedder:
    made = WarmingEmbedder(
        EMBEDDERS[space.model_id], model_id=space.model_id, dimensions=space.dimensions
    )
    assert made.wait(10)
    return made


def age(engine: Engine, seconds: float) -> None:
    """Let time pass for everything that is written down."""
    back = timedelta(seconds=seconds)
    with transaction(engine) as session:
        for row in session.scalars(select(VectorSpace)):
            row.since -= back
        for wished in session.scalars(select(SpaceWish)):
            wished.renewed_at -= back


def test_the_first_space_that_is_wanted_serves_at_once(engine: Engine) -> None:
    put(engine, 1)
    wish(engine, "a", NARROW)
    assert settle(engine) == "narrow"


def test_another_space_serves_only_once_every_passage_is_in_it(engine: Engine) -> None:
    put(engine, 1, 2, 3)
    wish(engine, "a", OLD)
    encode(engine, OLD)
    wish(engine, "a", NARROW)
    assert settle(engine) == "hashing"
    encode_missing(engine, Narrow(), batch_size=1, should_stop=iter([False, True]).__next__)
    assert settle(engine) == "hashing"
    encode(engine, NARROW)
    put(engine, 4)
    assert settle(engine) == "hashing"  # the new passage is missing
    encode(engine, NARROW)
    assert settle(engine) == "narrow"
    assert states(engine) == {"narrow": "serving", "hashing": "retired"}


def test_filling_that_is_stopped_goes_on_where_it_was(engine: Engine) -> None:
    put(engine, *range(10))
    wish(engine, "a", OLD)
    encode(engine, OLD)
    wish(engine, "a", NARROW)
    counting = CountingEmbedder(Narrow())
    stops = iter([False, False, True, True]).__next__
    fill(engine, counting, batch_size=3, lease=LEASE, should_stop=stops)
    assert settle(engine) == "hashing"
    done = fill(engine, counting, batch_size=3, lease=LEASE)
    assert 0 < done < 20
    assert set(counting.encoded.values()) == {1}
    assert len(counting.encoded) == 20
    assert settle(engine) == "narrow"


def test_going_back_within_the_grace_encodes_nothing(engine: Engine) -> None:
    put(engine, 1, 2)
    wish(engine, "a", OLD)
    encode(engine, OLD)
    wish(engine, "a", TURNED)
    encode(engine, TURNED)
    assert settle(engine) == "turned"
    wish(engine, "a", OLD)
    assert settle(engine) == "hashing"
    assert encode(engine, OLD) == 0


def test_vectors_that_nobody_wants_are_dropped_after_the_grace(engine: Engine) -> None:
    put(engine, 1, 2)
    wish(engine, "a", OLD)
    encode(engine, OLD)
    wish(engine, "a", TURNED)
    encode(engine, TURNED)
    settle(engine)
    assert spaces.prune_retired(engine, 100) == 0
    age(engine, 101)
    wish(engine, "a", TURNED)
    assert spaces.prune_retired(engine, 100) == 4
    assert vectors(engine) == {"turned": 4}
    assert states(engine) == {"turned": "serving"}


def test_what_is_wanted_again_is_not_dropped(engine: Engine) -> None:
    put(engine, 1)
    wish(engine, "a", OLD)
    wish(engine, "b", TURNED)
    encode(engine, TURNED)
    age(engine, 1000)
    wish(engine, "a", OLD)
    wish(engine, "b", TURNED)
    settle(engine)
    assert spaces.prune_retired(engine, 100) == 0
    assert vectors(engine) == {"turned": 2}


def test_nothing_is_lost_by_leaving_a_space_without_vectors(engine: Engine) -> None:
    put(engine, 1)
    wish(engine, "a", OLD)
    wish(engine, "a", NARROW)
    assert settle(engine) == "narrow"


def test_processes_with_different_settings_take_no_turns(engine: Engine) -> None:
    """A rolling deployment: the old one serves until the last process that wants it has gone."""
    put(engine, 1, 2)
    wish(engine, "old-1", OLD)
    wish(engine, "old-2", OLD)
    encode(engine, OLD)
    wish(engine, "new-1", TURNED)
    encode(engine, TURNED)
    assert settle(engine) == "hashing"
    withdraw(engine, "old-1")
    wish(engine, "old-3", OLD)  # one more of the old settings starts anew meanwhile
    assert settle(engine) == "hashing"
    withdraw(engine, "old-3")
    assert settle(engine) == "hashing"
    age(engine, LEASE + 1)  # old-2 is killed: it says nothing more
    wish(engine, "new-1", TURNED)
    assert settle(engine) == "turned"
    wish(engine, "old-4", OLD)  # a straggler changes nothing
    assert settle(engine) == "turned"
    withdraw(engine, "new-1")  # but all of them do: this is the way back
    assert settle(engine) == "hashing"


models = st.sampled_from([OLD, TURNED, NARROW])
processes = st.sampled_from("abc")
moves = st.lists(
    st.one_of(
        st.tuples(st.just("wish"), processes, models),
        st.tuples(st.just("withdraw"), processes, models),
        st.tuples(st.just("encode"), processes, models),
        st.tuples(st.just("put"), processes, models),
    ),
    max_size=25,
)


@hypothesis_settings(max_examples=25)
@given(moves)
def test_whatever_processes_do_a_space_takes_over_only_whole_and_with_all_in_favour(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
    done: list[tuple[str, str, Space]],
) -> None:
    folder = tmp_path_factory.mktemp("moves")
    shutil.copy(sqlite_template, folder / "opsatlas.db")
    engine = open_engine(Settings(_env_file=None, data_dir=folder))
    living: dict[str, str] = {}
    serving: str | None = None
    for number, (move, process, space) in enumerate(done):
        if move == "wish":
            wish(engine, process, space)
            living[process] = space.model_id
            serving = serving or space.model_id
        elif move == "withdraw":
            withdraw(engine, process)
            living.pop(process, None)
        elif move == "encode":
            encode(engine, space)
        else:
            put(engine, number)
        after = settle(engine)
        assert settle(engine) == after  # a second look changes nothing
        with reading(engine) as session:
            whole = {model_id for model_id in EMBEDDERS if is_whole(session, model_id)}
        wanted = set(living.values())
        held = set(vectors(engine))
        if len(wanted) == 1 and (wanted <= whole or serving not in held):
            (serving,) = wanted
        assert after == serving
        known = states(engine)
        assert list(known.values()).count(SpaceState.SERVING) == (serving is not None)
        assert {name for name, state in known.items() if state == SpaceState.FILLING} == (
            wanted - {serving}
        )
    engine.dispose()


def test_a_question_is_answered_from_the_old_space_until_the_switch_and_then_from_the_new(
    engine: Engine,
) -> None:
    put(engine, 1, 2)
    wish(engine, "a", OLD)
    encode(engine, OLD)
    retriever = asking(engine, HeldModels(TURNED, warming))
    assert retriever.retrieve(text(1)).hits[0].semantic == pytest.approx(1)
    assert retriever.model_id == "hashing"
    wish(engine, "a", TURNED)
    encode(engine, TURNED)
    put(engine, 3)
    encode(engine, OLD)
    found = retriever.retrieve(text(3))
    assert (found.hits[0].key, found.notices) == ("INC-3", [])
    assert found.hits[0].semantic == pytest.approx(1)
    encode(engine, TURNED)
    assert settle(engine) == "turned"
    retriever.retrieve("Pool")  # sees the switch, and starts to build
    retriever.refresh()
    found = retriever.retrieve(text(3))
    assert (found.hits[0].key, found.notices) == ("INC-3", [])
    assert found.hits[0].semantic == pytest.approx(1)
    assert retriever.model_id == "turned"


@pytest.mark.parametrize("other", [TURNED, NARROW])
def test_no_answer_mixes_two_spaces_while_one_takes_over(engine: Engine, other: Space) -> None:
    put(engine, *range(30))
    wish(engine, "a", OLD)
    for space in (OLD, other):
        encode(engine, space)
    retriever = asking(engine)
    wrong: list[object] = []
    over = threading.Event()

    def ask() -> None:
        number = 0
        while not over.is_set():
            number = (number + 1) % 30
            found = retriever.retrieve(text(number))
            best = max(hit.semantic for hit in found.hits)
            if best < 0.999 or set(found.notices) - {INDEX_REBUILDING}:
                wrong.append((number, best, found.notices))

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for space in (other, OLD, other):
            wish(engine, "a", space)
            assert settle(engine) == space.model_id
            retriever.refresh()
    finally:
        over.set()
    for asker in askers:
        asker.join()
    assert wrong == []
    assert retriever.retrieve(text(1)).hits[0].semantic == pytest.approx(1)
    assert retriever.model_id == other.model_id


def test_a_space_that_is_filled_disturbs_no_collection(engine: Engine) -> None:
    put(engine, 1, 2)
    wish(engine, "a", OLD)
    encode(engine, OLD)
    with reading(engine) as session:
        before = revision.newest(session)
    encode(engine, TURNED)
    with reading(engine) as session:
        assert revision.newest(session) == before


def test_a_model_that_cannot_be_loaded_any_more_makes_answers_lexical_until_the_next_is_whole(
    engine: Engine,
) -> None:
    put(engine, 1, 2)
    wish(engine, "a", OLD)
    encode(engine, OLD)

    def gone() -> HashingEmbedder:
        raise OSError("no such file")

    def some_warming(space: Space) -> WarmingEmbedder:
        if space == TURNED:
            return warming(space)
        made = WarmingEmbedder(gone, model_id=space.model_id, dimensions=space.dimensions)
        made.wait(10)
        return made

    models = HeldModels(TURNED, some_warming)
    retriever = asking(engine, models)
    found = retriever.retrieve(text(2))
    assert found.notices == ["model_unavailable"]
    assert found.hits[0].key == "INC-2"
    wish(engine, "a", TURNED)
    fill(engine, models.wanted, batch_size=4, lease=LEASE)
    retriever.retrieve("Pool")
    retriever.refresh()
    found = retriever.retrieve(text(2))
    assert found.notices == []
    assert found.hits[0].semantic == pytest.approx(1)
    models.stop()


def keeper_of(engine: Engine, models: HeldModels, process: str) -> SpaceKeeper:
    return SpaceKeeper(
        engine, models, process, lease=LEASE, grace=1000, in_use=lambda: models.serving.model_id
    )


def test_a_process_has_its_space_filled_by_a_job_and_ends_its_wish_with_itself(
    engine: Engine,
) -> None:
    put(engine, 1, 2)
    wish(engine, "old", OLD)
    encode(engine, OLD)
    models = HeldModels(NARROW, warming)
    keeper = keeper_of(engine, models, "new")
    keeper.start()
    assert models.serving.model_id == "hashing"
    counting = CountingEmbedder(Narrow())

    def run(_payload: dict[str, object]) -> None:
        fill(engine, counting, batch_size=4, lease=LEASE)

    other = Worker(engine, {fill_kind("turned"): run})
    assert other.run_pending() == 0  # who has another model leaves the job alone
    assert Worker(engine, {fill_kind("narrow"): run}).run_pending() == 1
    assert sum(counting.encoded.values()) == 4
    assert keeper.look() == OLD
    withdraw(engine, "old")
    assert keeper.look() == NARROW
    assert models.serving is models.wanted
    keeper.stop()
    with reading(engine) as session:
        assert session.scalars(select(SpaceWish)).all() == []


def test_models_that_nothing_needs_are_given_up(engine: Engine) -> None:
    made: list[WarmingEmbedder] = []

    def noting(space: Space) -> WarmingEmbedder:
        made.append(warming(space))
        return made[-1]

    models = HeldModels(TURNED, noting)
    models.see(OLD)
    models.keep_only("hashing")
    assert models.of(OLD) is made[1]
    models.see(TURNED)
    models.keep_only("hashing")  # the collection in memory still holds it
    assert models.of(OLD) is made[1]
    models.keep_only("turned")
    assert models.of(OLD) is not made[1]


def test_after_an_upgrade_what_the_earlier_release_encoded_serves_until_all_is_encoded_anew(
    tmp_path: Path,
) -> None:
    engine = open_engine(Settings(_env_file=None, data_dir=tmp_path))
    migrate.upgrade(engine)
    put(engine, 1)
    encode_missing(engine, OnnxEmbedder.load(glossed=False), batch_size=8)
    as_before_spaces(engine)
    migrate.upgrade(engine)
    assert states(engine) == {PLAIN_MODEL_ID: "serving"}
    with reading(engine) as session:
        before = spaces.served(session)
    assert before is not None
    loaded = ModelChoice.of(before).load()
    assert loaded.model_id == PLAIN_MODEL_ID
    wish(engine, "a", chosen_model(Settings(_env_file=None)).space)
    assert settle(engine) == PLAIN_MODEL_ID
    found = Retriever(engine, HashingEmbedder(), embedder_of=lambda _: loaded).retrieve(text(1))
    assert found.notices == []
    assert found.hits[0].semantic == pytest.approx(1, abs=1e-4)
    engine.dispose()


def test_vectors_that_this_release_cannot_make_are_not_mixed_with_its_own() -> None:
    later = dataclasses.replace(chosen_model(Settings(_env_file=None)), model_id="all-MiniLM@later")
    with pytest.raises(ModelUnavailableError, match="does not make the vectors"):
        later.load()


def as_before_spaces(engine: Engine) -> None:
    """The database as an earlier release left it."""
    with engine.begin() as connection:
        command.downgrade(migrate._config(connection, Model.metadata), "0005")


def test_the_upgrade_takes_note_of_what_earlier_releases_encoded(tmp_path: Path) -> None:
    engine = open_engine(Settings(_env_file=None, data_dir=tmp_path))
    migrate.upgrade(engine)
    put(engine, 1)
    encode(engine, OLD)
    encode(engine, NARROW)
    as_before_spaces(engine)
    migrate.upgrade(engine)
    assert states(engine) == {"hashing": "retired", "narrow": "retired"}
    wish(engine, "a", NARROW)
    assert settle(engine) == "narrow"
    age(engine, 10)
    assert spaces.prune_retired(engine, 5) == 2
    engine.dispose()


def test_while_another_space_is_read_what_is_new_is_found_at_once(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sqlite_engine, 1)
    wish(sqlite_engine, "a", OLD)
    for space in (OLD, TURNED):
        encode(sqlite_engine, space)
    retriever = asking(sqlite_engine)
    retriever.retrieve(text(1))
    let_go = threading.Event()
    build = in_step.CollectionInStep._build

    def slow_build(self: in_step.CollectionInStep) -> object:
        let_go.wait(30)
        return build(self)

    monkeypatch.setattr(in_step.CollectionInStep, "_build", slow_build)
    wish(sqlite_engine, "a", TURNED)
    assert settle(sqlite_engine) == "turned"
    put(sqlite_engine, 2)
    encode(sqlite_engine, OLD)
    found = retriever.retrieve(text(2))
    assert (found.notices, found.hits[0].key) == ([], "INC-2")
    assert found.hits[0].semantic == pytest.approx(1)
    assert retriever.model_id == "hashing"
    let_go.set()
    retriever.refresh()
    assert retriever.retrieve(text(2)).hits[0].key == "INC-2"
    assert retriever.model_id == "turned"


def test_a_collection_of_another_space_that_could_not_be_built_is_tried_again(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sqlite_engine, 1)
    wish(sqlite_engine, "a", OLD)
    for space in (OLD, TURNED):
        encode(sqlite_engine, space)
    retriever = asking(sqlite_engine)
    retriever.retrieve(text(1))
    with monkeypatch.context() as patch:
        patch.setattr(in_step, "served", lambda _session: TURNED)
        patch.setattr(in_step.CollectionInStep, "_build", lambda _self: 1 / 0)
        put(sqlite_engine, 2)
        retriever.retrieve(text(1))
        retriever.refresh()
        assert retriever.model_id == "hashing"
    wish(sqlite_engine, "a", TURNED)
    encode(sqlite_engine, TURNED)
    settle(sqlite_engine)
    retriever.refresh()
    assert retriever.retrieve(text(2)).hits[0].semantic == pytest.approx(1)
    assert retriever.model_id == "turned"
