"""Schemathesis asks every route what the description allows, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api.services import Services
from opsatlas.actor import Role
from opsatlas.settings import Settings
from tests.api.asking import Asker, keys_of
from tests.api.company import load_small, serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    ignored_auth,
    unsupported_method,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    """The description of a server over a small company, and the key to ask it with."""
    folder: Path = tmp_path_factory.mktemp("schemathesis")
    services = Services(Settings(_env_file=None, data_dir=folder, embedding_enabled=False))
    with serving(services) as address, httpx.Client(base_url=address) as http:
        asker = Asker(http, services, keys_of(services))
        load_small(asker)
        config = schemathesis.Config.from_dict(
            {"headers": {"Authorization": f"Bearer {asker.keys[Role.ADMIN]}"}, "seed": 1}
        )
        yield schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)


LIMITS = settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_keeps_to_its_description(described: BaseSchema, mode: GenerationMode) -> None:
    faults: list[str] = []
    described = described.exclude(path="/api/v1/events")  # a stream has no end to wait for
    for result in described.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and takes_any_text(operation):
            continue

        @LIMITS
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            # The HTTP parser itself refuses longer lines, before there is a route to ask.
            assume(len(urlencode(case.query or {}, doseq=True)) < 60_000)
            case.call_and_validate(checks=CHECKS)

        try:
            ask()
        except Exception as error:
            faults.append(f"{operation.label}: {error}")
    assert not faults, "\n\n".join(faults)


def takes_any_text(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Whether nothing can be wrong with a question: it has no body and no query, and the path
    takes names alone. Seconds would be spent on looking for something."""
    names = [each.definition["schema"].get("type") for each in operation.path_parameters]
    return not operation.body and not operation.query and set(names) <= {"string"}
