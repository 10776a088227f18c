"""Attributes that look like credentials: a CMDB is read by many, and needs none of them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from cmdb.importers.file_names import told
from cmdb.importers.records import Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")
_NOUNS = frozenset(
    [
        *("password", "passwords", "passwd", "pwd", "pass", "passphrase", "passcode", "psk"),
        *("secret", "secrets", "token", "tokens", "credential", "credentials", "creds"),
        *("apikey", "apikeys", "passwort", "kennwort", "motdepasse", "wachtwoord"),
    ]
)
_ENDINGS = ("password", "passwd", "passphrase", "passwort", "kennwort", "secret", "token", "apikey")
"""Of words that were written together: `rootpassword`, `clientsecret`."""
_PAIRS = frozenset(
    [
        *(("api", "key"), ("api", "keys"), ("private", "key"), ("private", "keys")),
        *(("secret", "key"), ("access", "key"), ("account", "key"), ("shared", "key")),
        *(("auth", "key"), ("encryption", "key"), ("signing", "key"), ("master", "key")),
        *(("connection", "string"), ("snmp", "community"), ("community", "string")),
        *(("de", "passe"),),
    ]
)
_ADDED = frozenset(
    ["value", "plain", "plaintext", "text", "hash", "base64", "b64", "old", "new", "current"]
)
"""Words behind a noun that leave it what it is: `password_hash`, `token_2`."""
_NO_SECRETS = frozenset(
    [
        *("", "yes", "no", "true", "false", "on", "off", "set", "unset", "not set", "none"),
        *("enabled", "disabled", "required", "optional", "n/a", "-", "x", "unknown"),
    ]
)
_HELD_BACK = r"(?!\*|\$\{|\$\(|<|\{\{|%\(|x{3,})"
"""What stands where a secret was taken out already, or is looked up elsewhere."""
_WORDS = "password|passwd|pwd|passwort|kennwort"
_VALUE = re.compile(
    "|".join(
        [
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY",
            rf"://[^\s/:@]*:{_HELD_BACK}[^\s/@]+@",
            rf"(?i:\b(?:{_WORDS}|sharedaccesskey|accountkey)\s*=\s*){_HELD_BACK}[^\s;&]",
            rf"(?i:\b(?:{_WORDS}):\s*){_HELD_BACK}(?!\w+://)(?=\S*[0-9!@#$%^&+=])\S{{6,}}",
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
            r"\bgh[pousr]_[A-Za-z0-9]{20,}",
            r"\bgithub_pat_\w{20,}",
            r"\bglpat-[\w-]{20,}",
            r"\bxox[abeoprs]-[\w-]{10,}",
            r"\b[rs]k_(?:live|test)_\w{16,}",
            r"\bsk-(?:proj-|ant-)?[A-Za-z0-9]{32,}",
            r"\bAIza[\w-]{35}",
            r"\bhv[sb]\.[\w-]{20,}",
            r"\bnpm_[A-Za-z0-9]{36}",
            r"\bopsatlas_[\w-]{20,}",
            r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.",
            r"\b[Bb]earer\s+(?=\S*[0-9])[\w.~+/-]{16,}",
            r"\bAuthorization:\s*Basic\s",
        ]
    )
)
_TELLING = (
    *("private key", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "k_live_", "k_test_", "sk-", "aiza", "hvs.", "hvb.", "npm_", "opsatlas_"),
    *("eyj", "bearer", "authorization:", "passw", "pwd", "kennwort", "accesskey", "accountkey"),
)
"""One of them, or an address with an `@`, is in the lower case of all that `_VALUE` finds."""
_SHORTEST = 8
_UNNAMED = "…"
_NAMES_OF_ENTRIES = ("name", "Name", "key", "Key")


class SecretsLeftOut:
    """Takes what looks like a secret out of attributes, and counts it by file."""

    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._found: dict[str, Counter[str]] = {}

    def without(self, attributes: dict[str, Any], file: str) -> dict[str, Any]:
        """The same attributes where none is a secret; else new ones without those."""
        if _is_clean(attributes):
            return attributes
        found: list[str] = []
        kept = _without(attributes, "", found, self._max_depth)
        if not found:
            return attributes
        self._found.setdefault(file, Counter()).update(found)
        assert isinstance(kept, dict)  # noqa: S101 - as what went in
        return kept

    def warnings(self) -> Iterator[Problem]:
        """One for each file: how many, and the names of the attributes, never a value."""
        for file, names in self._found.items():
            count = names.total()
            what = "1 value that looks" if count == 1 else f"{count:,} values that look"
            yield problem(
                "secrets_left_out",
                f"{what} like a secret {'was' if count == 1 else 'were'} left out: "
                f"{told(sorted(names))}",
                where=Where(file),
                severity=Severity.WARNING,
                hint="leave them out of the export, too; who reads this file has them",
            )


@lru_cache(maxsize=65_536)
def names_a_secret(name: str) -> bool:
    """Whether an attribute of this name holds a credential: `db_password`, `apiKey`."""
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1] in _ADDED or words[-1].isdigit()):
        words.pop()
    if not words:
        return False
    last = words[-1]
    return last in _NOUNS or last.endswith(_ENDINGS) or tuple(words[-2:]) in _PAIRS


@lru_cache(maxsize=65_536)
def _is_secret(name: str) -> bool:
    return holds_a_secret(name)


def holds_a_secret(text: str) -> bool:
    """Whether a text has a credential in it: a key, a token, an address with a password."""
    return len(text) >= _SHORTEST and _may_hold(text.lower()) and _VALUE.search(text) is not None


def _may_hold(lower: str) -> bool:
    """Whether it is worth the search, which takes long: no for nearly every text."""
    if "://" in lower and "@" in lower:
        return True
    for each in _TELLING:  # noqa: SIM110 - any() takes twice as long
        if each in lower:
            return True
    return False


def _is_clean(attributes: Mapping[str, Any]) -> bool:
    """Whether nothing in flat attributes needs a closer look; said of nearly all records."""
    texts: list[str] = []
    for name, value in attributes.items():
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict | list):
            return False
        if _needs_a_look(name):
            return False
    return not _may_hold("\n".join(texts).lower())


@lru_cache(maxsize=65_536)
def _needs_a_look(name: str) -> bool:
    name = str(name)  # also of an importer that does not keep to its types
    return names_a_secret(name) or _is_secret(name)


def _without(value: Any, path: str, found: list[str], depth: int) -> Any:
    """`value` without secrets; itself where there is none in it.

    What is nested too deep stays: it is refused as a whole elsewhere.
    """
    if depth < 0:
        return value
    before = len(found)
    if isinstance(value, list):
        items: list[Any] = []
        for item in value:
            if isinstance(item, str) and holds_a_secret(item):
                found.append(path)
            elif isinstance(item, dict | list):
                items.append(_without(item, path, found, depth - 1))
            else:
                items.append(item)
        return value if len(found) == before else items
    entry = _secret_entry(value)
    members: dict[str, Any] = {}
    for name, member in value.items():
        secret = _secret_member(str(name), member, entry)
        at = f"{path}.{secret or name}" if path else str(secret or name)
        if secret is not None:
            found.append(at)
        elif isinstance(member, dict | list):
            members[name] = _without(member, at, found, depth - 1)
        else:
            members[name] = member
    return value if len(found) == before else members


def _secret_member(name: str, member: Any, entry: str | None) -> str | None:
    """What a member that is a secret is called in the warning; None where it is none.

    `entry` is the name that the object gives to what stands in its `value`.
    """
    if _is_secret(name):
        return _UNNAMED
    if names_a_secret(name) and _can_be_secret(member):
        return name
    if entry is not None and name.lower() == "value" and _can_be_secret(member):
        return entry
    return name if isinstance(member, str) and holds_a_secret(member) else None


def _secret_entry(members: Mapping[str, Any]) -> str | None:
    """The name of the secret in `{"name": "DB_PASSWORD", "value": …}`, as lists of settings are."""
    for name in _NAMES_OF_ENTRIES:
        said = members.get(name)
        if isinstance(said, str) and names_a_secret(said):
            return said
    return None


def _can_be_secret(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return value.strip().lower() not in _NO_SECRETS
    return bool(value) or value == 0
