"""Long logs: the lines that tell what is wrong are kept, whatever the rest is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.log_digest import LONGEST_LINE, as_read, digest, led_by_its_error, readable

CALM = [
    f"Nov 28 10:{at // 60 % 60:02d}:{at % 60:02d} web-1 nginx[{at}]: GET /cart/{at} 200 {at % 7}ms"
    for at in range(2_000)
]
ERROR = "Nov 28 11:00:00 web-1 orders[7]: ERROR pool exhausted, no connection after 30 s"


def _log(*inserted: tuple[int, str]) -> str:
    lines = list(CALM)
    for at, line in inserted:
        lines.insert(at, line)
    return "\n".join(lines)


def test_a_short_text_is_left_as_it_is() -> None:
    assert digest("as it is\n\n  with all ") == "as it is\n\n  with all "
    assert as_read("as it is\n\n  with all ") == ("as it is\n\n  with all ", False)


@pytest.mark.parametrize("at", [0, 1, 1_000, 1_990, 2_000])
@pytest.mark.parametrize(
    "line",
    [
        ERROR,
        'time="2026-11-28T10:00:00Z" level=error msg="mount failed"',
        '{"ts":1764324000,"level":"fatal","msg":"cannot bind"}',
        "E1128 10:00:00.123456    1234 kubelet.go:2183] node not ready",
        "ORA-00257: archiver error. Connect internal only, until freed.",
        "Nov 28 10:00:00 web-1 kernel: Out of memory: Killed process 4711 (java)",
        "java.lang.IllegalStateException: no route",
        "[Fri Nov 28] [error] upstream timed out",
        '10.0.0.7 - - [28/Nov/2026:10:00:00 +0000] "POST /pay HTTP/1.1" 502 157',
    ],
)
def test_an_error_is_kept_wherever_it_stands(line: str, at: int) -> None:
    kept = digest(_log((at, line)), 4_000)
    assert line in kept.splitlines()
    assert len(kept) <= 4_000


def test_repeated_lines_are_kept_once_though_their_numbers_differ() -> None:
    storm = [(at, ERROR.replace("[7]", f"[{at}]").replace("30 s", f"{at} s"))
             for at in range(100, 1_900)]  # fmt: skip
    assert digest(_log(*storm), 4_000).count("pool exhausted") == 1


def test_of_a_trace_what_was_raised_and_where_is_kept() -> None:
    trace = [
        "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available",
        *(f"\tat com.example.Repository{chr(97 + n % 26)}.find(Repository.java:{n})"
          for n in range(60)),
        "Caused by: java.net.SocketTimeoutException: Read timed out",
        *(f"\tat java.net.Socket{chr(97 + n % 26)}.read(Socket.java:{n})" for n in range(60)),
    ]  # fmt: skip
    kept = digest("\n".join([*CALM[:600], *trace, *CALM[600:]]), 5_000).splitlines()
    assert trace[0] in kept
    assert "Caused by: java.net.SocketTimeoutException: Read timed out" in kept
    assert trace[1] in kept
    assert sum(line.startswith("\tat") for line in kept) <= 8 + 2


def test_the_first_and_the_last_lines_are_kept() -> None:
    kept = digest(
        "\n".join(["checkout is broken, see log", *CALM, "systemd: shutting down"]), 4_000
    )
    assert kept.startswith("checkout is broken, see log\n")
    assert kept.endswith("\nsystemd: shutting down")


def test_where_it_began_and_what_came_of_it_go_before_what_lies_between() -> None:
    errors = [f"ERROR step {chr(97 + n // 26)}{chr(97 + n % 26)} of {'x' * 90}" for n in range(400)]
    kept = digest("\n".join([*errors, "unit ended"]), 2_000).splitlines()
    assert {errors[0], errors[-1]} <= set(kept)
    assert errors[200] not in kept
    assert kept[-1] == "unit ended"


def test_one_endless_line_is_kept_from_both_ends() -> None:
    kept = digest("start " + "x" * 900_000 + " end")
    assert kept.startswith("start ")
    assert kept.endswith(" end")
    assert len(kept) <= 20_000


def test_terminal_sequences_and_control_characters_are_no_text() -> None:
    coloured = "\x1b[1;31mERROR\x1b[0m \x1b]0;title\x07pool\x00 is\x08 full\r\n\x9b2Jnext"
    assert readable(coloured) == "ERROR pool is full\nnext"
    assert readable("10 %\r50 %\r100 %\ndone\n") == "100 %\ndone\n".replace("100 %", "100 %")
    assert readable("old\rmac") == "old\nmac"
    assert readable("\x1b]never ended " + "x" * 1_000).endswith("x" * 500)


def test_a_log_is_led_by_the_line_that_tells_most() -> None:
    log = "\n".join([*CALM[:20], ERROR, *CALM[20:40]])
    assert led_by_its_error(log) == f"{ERROR}\n{log}"
    assert led_by_its_error("-- Boot 7f --\n" + log).startswith(ERROR)
    assert led_by_its_error(f"{ERROR}\n" + log) == f"{ERROR}\n" + log


def test_what_people_wrote_first_stays_first() -> None:
    for text in (
        "checkout is broken since ten\n" + "\n".join([*CALM[:9], ERROR]),
        "\n".join(CALM[:9]),
        CALM[0] + "\n" + ERROR,
        "",
        "\n\n",
    ):
        assert led_by_its_error(text) == text


_LINES = st.lists(
    st.one_of(
        st.sampled_from([ERROR, *CALM[:5], "", "  ", "Caused by: x", "\tat a.B(C.java:1)"]),
        st.text(max_size=60),
        st.integers(1, 900).map("y".__mul__),
    ),
    max_size=40,
)


@given(_LINES, st.integers(10, 2_000))
def test_a_digest_is_lines_of_the_text_in_its_order_and_never_too_long(
    lines: list[str], most: int
) -> None:
    text = "\n".join(lines)
    kept = digest(text, most)
    assert len(kept) <= most
    assert digest(kept, most) == kept
    if len(text) > most and text.count("\n") > 3:
        source = iter([line[:LONGEST_LINE].rstrip() for line in text.splitlines()])
        if kept and "\n".join(lines)[: (most - 1) // 2] not in kept:
            assert all(line in source for line in kept.splitlines())


@given(st.text(st.characters(min_codepoint=0, max_codepoint=0x2FF), max_size=300))
def test_what_is_read_of_any_text_has_no_control_characters(text: str) -> None:
    read, shortened = as_read(text)
    assert not shortened
    assert not {sign for sign in read if ord(sign) < 32} - set("\t\n\x0b\x0c\r")
    assert not {sign for sign in read if 127 <= ord(sign) < 160} - {"\x85"}
