"""Which language a line of an incident is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.languages import Language, language_of


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("Der Drucker im Lager druckt nicht mehr", Language.GERMAN),
        ("Kasse sagt immer nein", Language.GERMAN),
        ("Seit heute frueh koennen wir uns nicht anmelden!", Language.GERMAN),
        ("Les caisses restent bloquées au démarrage", Language.FRENCH),
        ("Depuis ce matin, l’écran reste noir.", Language.FRENCH),
        ("page blanche sur tout le site FR apres mise en production", Language.FRENCH),
        ("The tills do not start since this morning", None),
        ("It's dead, can't log in", None),
        ("We die here: the war room is full, man", None),
        ("des is the cipher that was used", None),
        ("HTTP 502 from orders-api", None),
        ("", None),
    ],
)
def test_a_line_is_told_by_its_function_words(line: str, language: Language | None) -> None:
    assert language_of(line) == language


@pytest.mark.parametrize(
    "line",
    [
        '  "ID": "08939105f417dc74b1fa237e211185ff2d9f528d"',
        "2026-05-24T08:37:27Z PUT part-00001-039c3462-de-la-c000.snappy",
        "at org.apache.hadoop.fs.s3a.auth.der.Sie.und(Die.java:12)",
        "du -sh /var/lib/mysql/binlog; ls -la | sort -n",
        "https://example.org/die/der/das/und?le=la&les=des",
        'sum(rate(request_seconds_bucket{le="40"}[3d]))',
    ],
)
def test_code_logs_and_addresses_are_in_no_language(line: str) -> None:
    assert language_of(line) is None


@given(st.text(max_size=300))
def test_any_text_can_be_asked(text: str) -> None:
    assert language_of(text) in {None, *Language}
