"""The API document and the event document, as a developer of a channel reads them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from functions.service.api import DOCUMENT, EVENTS
from infra import asyncapi, problems
from shared.stock.model.audit import Drift

Part = Mapping[str, Any]

document: Part = json.loads(DOCUMENT.read_text())
events: Part = json.loads(EVENTS.read_text())
OPERATIONS = [
    (path, method, operation)
    for path, methods in document["paths"].items()
    for method, operation in methods.items()
]
VERBS = (
    "accept|activate|adjust|answer|assign|bind|block|buy|cancel|change|collect|delete|erase|"
    "export|extend|find|get|hold|issue|judge|list|load|look|make|merge|open|pack|pause|pay|pick|"
    "ping|place|preview|promise|promote|publish|put|quote|ready|receive|record|reject|release|"
    "renew|replace|request|resolve|return|roll|run|send|ship|start|stop|subscribe|substitute|suggest|"
    "transfer|unblock|unmerge"
)


def test_the_document_is_valid_openapi() -> None:
    validate(dict(document))


def test_every_operation_has_a_verb_a_summary_and_a_description() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    for path, method, operation in OPERATIONS:
        assert re.match(rf"({VERBS})[A-Z]", operation["operationId"]), operation["operationId"]
        for name in ("summary", "description"):
            assert operation[name][0].isupper(), (method, path, name)


def test_every_parameter_and_answer_has_a_description() -> None:
    for path, method, operation in OPERATIONS:
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (method, path, parameter["name"])
        for status, response in operation["responses"].items():
            assert response["description"] != "Successful Response", (method, path, status)


@pytest.mark.parametrize("part", [document, events], ids=["openapi", "asyncapi"])
def test_every_schema_and_field_has_a_description(part: Part) -> None:
    schemas = part["components"]["schemas"]
    missing = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, shape in {"": schema, **schema.get("properties", {})}.items()
        if not _described(shape, schemas) and "enum" not in schema
    ]
    assert missing == []


def test_the_event_of_drift_has_the_fields_of_drift() -> None:
    assert [field.name for field in fields(Drift)] == list(asyncapi.DriftOfPosition.model_fields)


def test_every_channel_message_and_operation_of_the_events_has_a_description() -> None:
    assert all(channel["description"] for channel in events["channels"].values())
    assert all(message["summary"] for message in events["components"]["messages"].values())
    assert all(operation["summary"] for operation in events["operations"].values())


def _described(shape: Part, schemas: Part) -> bool:
    """Whether ``shape`` has a description: of its own, or of the schema that it refers to."""
    if "description" in shape:
        return True
    if "$ref" in shape:
        return _described(schemas[shape["$ref"].rpartition("/")[2]], schemas)
    choices = [*shape.get("anyOf", ()), *shape.get("allOf", ())]
    return any(_described(choice, schemas) for choice in choices)


def _examples() -> Iterator[tuple[str, str, Any]]:
    """Each JSON content of the document: its operation, its JSON pointer and its example."""
    for path, method, operation in OPERATIONS:
        at = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}"
        places = {f"responses/{status}": part for status, part in operation["responses"].items()}
        if "requestBody" in operation:
            places["requestBody"] = operation["requestBody"]
        for place, part in places.items():
            content = part.get("content", {}).get("application/json", {})
            wanted = place == "requestBody" or place.startswith("responses/2")
            if wanted and "schema" in content:
                pointer = f"{at}/{place}/content/application~1json/schema"
                yield f"{operation['operationId']} {place}", pointer, content.get("example")


def test_every_request_and_answer_has_an_example_that_fits_its_schema() -> None:
    resource = DRAFT202012.create_resource(document)
    registry: Registry[Any] = Registry().with_resource("urn:document", resource)
    examples = list(_examples())
    assert len(examples) > len(OPERATIONS)
    for name, pointer, example in examples:
        assert example is not None, name
        schema = {"$ref": f"urn:document{pointer}"}
        errors = [
            f"{error.json_path}: {error.message}"
            for error in Draft202012Validator(schema, registry=registry).iter_errors(example)
        ]
        assert errors == [], name


def test_every_problem_code_is_described_and_possible() -> None:
    assert problems.statuses().keys() == problems.CODES.keys()
    names = {operation["operationId"] for _, _, operation in OPERATIONS}
    assert {*problems.EXPLICIT, *problems.IDEMPOTENT, *problems.LISTS, *problems.CREATES} <= names


def test_every_status_names_its_problem_codes() -> None:
    statuses = problems.statuses()
    for path, method, operation in OPERATIONS:
        for code in problems.codes(path, operation):
            response = operation["responses"][str(statuses[code])]
            assert f"`{code}`" in response["description"], (method, path, code)
            assert problems.PROBLEM_JSON in response["content"]
        if operation.get("security"):
            assert {"401", "403", "429", "503"} <= operation["responses"].keys()


def test_no_two_shapes_have_the_same_name() -> None:
    """The generator tells such shapes apart by their modules, and generated clients cannot."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []
