"""Suggestions on a terminal of 80 columns: what to do first, marks, doubts, nothing that obeys."""

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from api import examples
from api.cli import suggest_text, terminal
from kb.suggest_schemas import SuggestionAnswer

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def _answer(verdict: str = "match", **changed: Any) -> SuggestionAnswer:
    document = {**examples.SUGGESTION_ANSWER, "verdict": verdict}
    document |= {"duplicates": [], "duplicate_of": None}
    evidence = {**document["suggestions"][0]["evidence"], **changed.pop("evidence", {})}
    document["suggestions"] = [{**document["suggestions"][0], **changed, "evidence": evidence}]
    return SuggestionAnswer.model_validate(document)


def _shown(answer: SuggestionAnswer, *, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=80, force_terminal=terminal, highlight=False, markup=False, _environ={}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suggest_text, "stdout", console)
        suggest_text.show(answer)
    return file.getvalue()


def _lines(answer: SuggestionAnswer) -> list[str]:
    return [line.rstrip() for line in _shown(answer).splitlines()]


def test_what_to_do_stands_before_what_removes_the_cause_and_before_why() -> None:
    assert _lines(_answer()) == [
        "This has happened before (87% sure)",
        "",
        "1. KE-0012 Orders database out of connections after a deployment",
        "   known error, 87% likely to help",
        "   Workaround Restart pgbouncer-orders, one process after the other.",
        "   Fix        Return connections before the payment call.",
        '   Why        Similar in meaning, with the words "pool" and "exhausted", on the',
        "              same database, db-orders-01, last seen 3 weeks ago; restarting",
        "              pgbouncer-orders helped 6 times and failed once.",
        "   It says    checkout gives 502 once the pool is exhausted",
        "   Incidents  INC-0042, INC-0107",
    ]


def test_doubts_stand_above_what_to_do() -> None:
    caveats = [{"code": "superseded", "text": "it was superseded by KB-0007"}]
    lines = _lines(_answer(evidence={"caveats": caveats}))
    assert lines[4] == "   Caution    It was superseded by KB-0007."
    assert lines[5].startswith("   Workaround")


def test_matched_words_are_set_off_on_a_terminal_and_nothing_is_elsewhere() -> None:
    marked = _shown(_answer(), terminal=True)
    assert "\x1b[1;4mpool\x1b[0m is \x1b[1;4mexhausted\x1b[0m" in marked
    assert "\x1b" not in _shown(_answer())


def test_a_server_s_marks_that_do_not_fit_are_left_out() -> None:
    marks = [(28, 32), (30, 40), (-4, 2), (40, 36), (36, 45), (44, 900)]
    text = suggest_text.marked("checkout gives 502 once the pool is exhausted", marks)
    assert text.plain == "checkout gives 502 once the pool is exhausted"
    assert [text.plain[span.start : span.end] for span in text.spans] == ["pool", "exhausted"]


def test_a_passage_that_is_part_of_what_to_do_is_not_said_twice() -> None:
    lines = _lines(_answer(excerpt="… one process after the other. …", highlights=[]))
    assert not [line for line in lines if "It says" in line]


def test_what_does_not_match_does_not_look_like_help() -> None:
    shown = _shown(_answer("no_match"))
    assert "No known match" in shown
    assert "Restart pgbouncer-orders" not in shown
    assert "sure" not in shown


def test_open_incidents_of_the_same_trouble_are_named_first() -> None:
    because = {"alike": 0.9, "graph": 1.0, "minutes": 3.0}
    opened = {"title": "Checkout 502", "opened_at": "2026-03-04T10:00:00Z", "confidence": 0.9}
    document = _answer().model_dump()
    document["duplicate_of"] = "INC-0201"
    document["duplicates"] = [
        {"number": number, "because": because, **opened} for number in ("INC-0203", "INC-0201")
    ]
    assert _lines(SuggestionAnswer.model_validate(document))[1] == (
        "Open already, probably the same trouble: INC-0201, and INC-0203."
    )


def test_a_long_instruction_is_cut_with_a_count() -> None:
    lines = _lines(_answer(workaround="\n".join(f"step {n}" for n in range(40))))
    assert "              … (28 more lines)" in lines
    assert "              step 12" not in lines


WIDE = "磁盘已满" * 30 + " Ärger \N{FIRE}" * 20 + " مرحبا" * 20 + " " + "x" * 300


def test_wide_signs_and_endless_words_wrap_beside_their_label() -> None:
    shown = _shown(_answer(title=WIDE, workaround=WIDE, fix=WIDE, why=WIDE, excerpt=WIDE))
    assert max(cell_len(line) for line in shown.splitlines()) <= 80
    words = re.sub(r"\s", "", shown)
    assert words.count("磁盘已满" * 30) == 4, "the passage is what the workaround says"
    assert "\N{FIRE}" in words


NASTY = [
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "a\rb\x08c\x00d",
    "\u202egnp.exe",
    "[bold red]not markup[/] [link=x]y[/link]",
    "\u2066x\u2069 \ufeff",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_is_stored_obeys_on_a_terminal(nasty: str) -> None:
    caveats = [{"code": "x", "text": nasty}]
    fields = dict.fromkeys(("id", "title", "workaround", "fix", "why", "excerpt"), nasty)
    answer = _answer(**fields, incidents=[nasty], evidence={"caveats": caveats})
    left = ESCAPE.sub("", _shown(answer, terminal=True)).replace("\n", "")
    assert left.isprintable()
    if nasty.startswith("[bold"):
        assert "[bold red]not markup[/]" in left


@pytest.mark.parametrize("nasty", NASTY)
def test_json_on_a_terminal_obeys_no_more_and_means_the_same(
    nasty: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    terminal.print_json({"title": nasty})
    printed = capfdbinary.readouterr().out.decode()
    assert json.loads(printed) == {"title": nasty}
    assert not {sign for sign in printed if "\x7f" <= sign <= "\x9f"} - {"\n"}
    assert not set(printed) & set("\x1b\u202e\u2066\u2069")


@given(st.text(max_size=300), st.lists(st.tuples(st.integers(-9, 400), st.integers(-9, 400))))
def test_any_text_is_shown_within_the_width(text: str, marks: list[tuple[int, int]]) -> None:
    answer = _answer(title=text, workaround=text, excerpt=text + "!", highlights=marks)
    shown = ESCAPE.sub("", _shown(answer, terminal=True))
    allowed = "\n\u200c\u200d"
    assert all(sign.isprintable() or sign in allowed for sign in shown)
    assert max(cell_len(line) for line in shown.split("\n")) <= 80
