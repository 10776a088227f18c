"""Instructions as the subject of a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.deeds import deed


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ("Restart the pool", "restarting the pool"),
        ("Restart the pool.", "restarting the pool"),
        ("1. Restart pgbouncer-orders, each in turn.", "restarting pgbouncer-orders"),
        ("- flush the queue\n- wait", "flushing the queue"),
        ("Terminate idle transactions: select pg_terminate_backend(pid)",
         "terminating idle transactions"),
        ("Drop the slot, then run a checkpoint", "dropping the slot"),
        ("Set idle_in_transaction_session_timeout", "setting idle_in_transaction_session_timeout"),
        ("Free some space (the ballast file)", "freeing some space"),
        ("Scale mobile-bff to 12 pods", "scaling mobile-bff to 12 pods"),
        ("Restart the", None),
        ("Restart", None),
        ("Restarted the pool", None),
        ("The pool must be restarted", None),
        ("Set x = 3", None),
        ("Kill the process with `kill -9`", None),
        ("Restart the worker and the scheduler and the broker of the east", None),
        ("Drain the node until", None),
        ("Neustart des Dienstes", None),
        ("", None),
        (".", None),
    ],
)  # fmt: skip
def test_the_first_clause_of_an_instruction_becomes_a_deed(
    instruction: str, said: str | None
) -> None:
    assert deed(instruction) == said


@given(st.text(max_size=80), st.sampled_from(["", "Restart ", "1. Clear the ", "flush\x1b "]))
def test_a_deed_has_the_instruction_s_own_words(text: str, start: str) -> None:
    said = deed(start + text)
    if said is not None:
        verb, *rest = said.split()
        assert verb.endswith("ing")
        assert rest
        assert " ".join(rest) in " ".join((start + text).split())
