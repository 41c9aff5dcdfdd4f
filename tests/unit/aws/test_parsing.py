"""Answers of AWS are parsed as botocore parses them, but for the values of items."""

import base64
import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser

from shared.aws.items import from_item
from shared.aws.parsing import ItemParser

ITEM = {
    "pk": {"S": "SKU#A"},
    "units": {"N": "12"},
    "packed": {"B": base64.b64encode(b"\x00\xff").decode()},
    "entries": {"L": [{"M": {"id": {"S": "a"}, "none": {"NULL": True}}}, {"SS": ["x", "y"]}]},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "GetItem": {"Item": ITEM, "ConsumedCapacity": {"CapacityUnits": 0.5}},
    "Query": {"Items": [ITEM, ITEM], "Count": 2, "LastEvaluatedKey": {"pk": {"S": "SKU#A"}}},
    "BatchGetItem": {"Responses": {"stock": [ITEM]}, "UnprocessedKeys": {}},
    "BatchExecuteStatement": {"Responses": [{"TableName": "stock", "Item": ITEM}, {}]},
}


def parsed(parser: Any, operation: str, body: dict[str, Any], status: int = 200) -> Any:
    model = botocore.session.get_session().get_service_model("dynamodb")
    response = {"body": json.dumps(body).encode(), "headers": {}, "status_code": status}
    return parser.parse(response, model.operation_model(operation).output_shape)


def plain(answer: Any) -> Any:
    """The answer with plain values in place of items."""
    if isinstance(answer, dict):
        if "pk" in answer:
            return from_item(answer)
        return {name: plain(value) for name, value in answer.items()}
    return [plain(entry) for entry in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("operation", ANSWERS)
def test_an_answer_has_the_values_that_botocore_finds(operation: str) -> None:
    body = ANSWERS[operation]
    expected = parsed(create_parser("json"), operation, body)
    assert plain(parsed(ItemParser(), operation, body)) == plain(expected)


def test_an_error_is_parsed_with_its_item() -> None:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "Item": ITEM,
    }
    expected = parsed(create_parser("json"), "UpdateItem", body, 400)
    assert expected["Error"]["Code"] == "ConditionalCheckFailedException"
    assert parsed(ItemParser(), "UpdateItem", body, 400)["Error"] == expected["Error"]
