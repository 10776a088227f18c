"""Letters without accents and compatibility forms."""

import re
import unicodedata

_COMBINING_MARKS = re.compile("[\u0300-\u036f]+")


def fold(text: str) -> str:
    """`text` without accents and compatibility forms, case kept ("Gerät" -> "Gerat")."""
    if text.isascii():
        return text
    return unicodedata.normalize(
        "NFC", _COMBINING_MARKS.sub("", unicodedata.normalize("NFKD", text))
    )
