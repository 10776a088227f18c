"""What of a merge cannot be undone any more is listed; the rest goes back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cmdb.inventory import get_ci
from cmdb.merge import merge
from cmdb.undo import NotUndoableError, undo
from cmdb.unmerge import unmerge
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import dangling, load_texts


def merged(engine: Engine, loser: int, winner: int) -> int:
    with transaction(engine) as session:
        return merge(session, loser, winner, SYSTEM, revision_keep=100).id or 0


def test_a_key_that_was_taken_away_since_is_listed(engine: Engine) -> None:
    load_texts(engine, "key,name,ci_class\na,web,server\nb,w-e-b,server\n", source="one")
    second = load_texts(engine, "key,name,ci_class,owner\nz,w-e-b,server,Zoe\n", source="two")
    merge_id = merged(engine, 2, 1)
    with transaction(engine) as session:
        assert undo(session, second.id or 0, SYSTEM, revision_keep=100).conflicts == []
    with transaction(engine) as session:
        report = unmerge(session, merge_id, SYSTEM, revision_keep=100)
    assert [(each.what, each.why) for each in report.conflicts] == [
        ("record 'z' of 'two'", "it was taken away since")
    ]
    with reading(engine) as session:
        found = get_ci(session, 2)
    assert (found.name, found.owner, found.merged_into) == ("w-e-b", None, None)
    assert dangling(engine) == 0


def test_a_merge_whose_winner_was_merged_on_waits_for_that(engine: Engine) -> None:
    load_texts(engine, "name,ci_class\na,server\nb,server\nc,server\n")
    first = merged(engine, 1, 2)
    second = merged(engine, 2, 3)
    with transaction(engine) as session:
        with pytest.raises(NotUndoableError, match="merged into CI 3") as caught:
            unmerge(session, first, SYSTEM, revision_keep=100)
    assert caught.value.hint == f"undo merge {second} first"
    for merge_id in (second, first):
        with transaction(engine) as session:
            assert unmerge(session, merge_id, SYSTEM, revision_keep=100).conflicts == []
