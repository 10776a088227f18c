"""The OpenAPI description says what every route takes and answers, and its examples are true."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from api import change_examples, examples
from api.app import _ROUTERS, API, create_app
from api.services import Services
from api.strict_route import StrictRoute
from cmdb.full_impact import FullImpactQuestion
from cmdb.impact_schemas import ImpactAnswer
from cmdb.schemas import ImportReport, RelationshipTypePatch
from kb.change_assessment_schemas import AssessmentQuestion
from kb.suggest_schemas import SuggestionAnswer, SuggestionQuestion
from kb.suspect_schemas import SuspectsAnswer, SuspectsQuestion
from opsatlas.settings import Settings

FREE = {"/healthz", "/readyz", "/version"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("openapi")
    return described(folder)


@cache
def described(folder: Path) -> dict[str, Any]:
    return create_app(Services(Settings(_env_file=None, data_dir=folder))).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_every_route_is_described(document: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in operations(document)}
    routes = {
        (method, API + route.path_format)
        for router in _ROUTERS
        for route in router.routes
        if isinstance(route, StrictRoute)
        for method in route.methods or ()
    }
    assert described == routes | {("GET", path) for path in FREE}


def test_every_route_but_three_wants_a_bearer_key(document: dict[str, Any]) -> None:
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    free = {path for _, path, operation in operations(document) if "security" not in operation}
    assert free == FREE


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    assert {"Problem", "ProblemItem"} <= set(document["components"]["schemas"])
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400 or (path, status) == ("/readyz", "503"):
                continue
            (media_type,) = response["content"]
            assert media_type == "application/problem+json", (method, path, status)
            schema = response["content"][media_type]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}
        if "security" in operation:
            expected = {"400", "401", "403", "404", "422", "500", "503"}
            assert expected <= set(operation["responses"]), (method, path)
        if "requestBody" in operation:
            assert {"409", "413", "415"} <= set(operation["responses"]), (method, path)


def test_no_shape_of_the_framework_is_left(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_every_operation_is_explained(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in set(references(document)):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_lists_describe_their_parameters(document: dict[str, Any]) -> None:
    for path in ("/cis", "/incidents", "/audit", "/relationships", "/imports"):
        parameters = document["paths"][API + path]["get"]["parameters"]
        names = [parameter["name"] for parameter in parameters]
        assert {"limit", "offset", "cursor", "ordering", "fields", "id"} <= set(names)
        assert len(names) == len(set(names))


def test_a_load_describes_both_of_its_answers(document: dict[str, Any]) -> None:
    post = document["paths"][f"{API}/imports"]["post"]
    (form,) = post["requestBody"]["content"]
    assert form == "multipart/form-data"
    for status in ("200", "202"):
        schema = post["responses"][status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ImportReport"}
    assert "Location" in post["responses"]["202"]["headers"]


def test_conditions_are_described(document: dict[str, Any]) -> None:
    patch = document["paths"][f"{API}/cis/{{id}}"]["patch"]
    assert "if-match" in [parameter["name"] for parameter in patch["parameters"]]
    assert "412" in patch["responses"]
    assert "ETag" in patch["responses"]["200"]["headers"]


@pytest.mark.parametrize(
    ("model", "example"),
    [
        *[(FullImpactQuestion, each["value"]) for each in examples.IMPACT_QUESTIONS.values()],
        *[(RelationshipTypePatch, each["value"]) for each in examples.TYPE_PREVIEWS.values()],
        *[(SuggestionQuestion, each["value"]) for each in examples.SUGGESTION_QUESTIONS.values()],
        *[
            (AssessmentQuestion, each["value"])
            for each in change_examples.ASSESSMENT_QUESTIONS.values()
        ],
        *[(SuspectsQuestion, each["value"]) for each in examples.SUSPECTS_QUESTIONS.values()],
        (SuspectsAnswer, examples.SUSPECTS_ANSWER),
        (ImpactAnswer, examples.IMPACT_ANSWER),
        (SuggestionAnswer, examples.SUGGESTION_ANSWER),
        (ImportReport, examples.IMPORT_REPORT),
    ],
)
def test_every_example_is_true_to_its_schema(model: Any, example: dict[str, Any]) -> None:
    read = model.model_validate(example)
    assert set(read.model_dump(mode="json", exclude_unset=True, by_alias=True)) == set(example)


def test_the_examples_are_in_the_description(document: dict[str, Any]) -> None:
    impact = document["paths"][f"{API}/impact"]["post"]
    body = impact["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == set(examples.IMPACT_QUESTIONS)
    answer = impact["responses"]["200"]["content"]["application/json"]
    assert answer["example"] == examples.IMPACT_ANSWER
    assert answer["schema"] == {"$ref": "#/components/schemas/FullImpactAnswer"}
