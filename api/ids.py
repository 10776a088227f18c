"""Ids as they stand in an address."""

from typing import Annotated

from fastapi import Path

LARGEST = 2**63 - 1

Id = Annotated[int, Path(ge=1, le=LARGEST, description="Our id of the record")]
