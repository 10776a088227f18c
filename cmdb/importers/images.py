"""References to container images, such as `registry.example:5000/shop/web:6.14.2@sha256:…`."""

from typing import NamedTuple


class Image(NamedTuple):
    """What a reference says."""

    name: str | None
    """The last part of the path, without registry: `web`."""
    tag: str | None


def image(reference: str) -> Image:
    """The image's short name and tag; None for a part that is a variable, filled in later."""
    path, _, _digest = reference.partition("@")
    last = path if "$" in path else path.rpartition("/")[2]
    if "$" in last:
        name = last.partition("$")[0].rstrip(":").rpartition("/")[2]
        return Image(name or None, None)
    name, _, tag = last.partition(":")
    return Image(name or None, tag or None)
