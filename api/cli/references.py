"""CIs as people name them on the command line."""

from __future__ import annotations

from typing import Any

from api.cli.client import Client
from api.cli.failures import UsageError
from cmdb.names import fold

_MOST = 1000


def find_ci(client: Client, said: str, as_of: str | None = None) -> dict[str, Any]:
    """The CI with this name, or this id, now or at a moment.

    Raises UsageError or ProblemError, with candidates.
    """
    then = {} if as_of is None else {"as_of": as_of}
    page = client.get("/cis", {"name__ic": said, "limit": _MOST, **then})
    found = [ci for ci in page["results"] if fold(ci["name"]) == fold(said)]
    living = [ci for ci in found if ci["status"] != "retired"] or found
    if len(living) == 1:
        only: dict[str, Any] = living[0]
        return only
    if living:
        listed = ", ".join(f"{ci['id']} ({ci['ci_class']})" for ci in living)
        raise UsageError(f"{said!r} names {len(living)} CIs: {listed}", hint="say the id instead")
    if said.isdecimal():
        ci: dict[str, Any] = client.get(f"/cis/{said}", then)
        return ci
    # It says what may have been meant.
    client.get("/impact", {"failed": said, "limit": 1, **then})
    raise UsageError(f"there is no CI {said!r}")
