"""The JSON of DynamoDB is read and written as botocore does it, but for the values of items."""

import base64
import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from shared.aws.items import from_item
from shared.aws.parsing import InputSerializer, ItemParser

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


INPUTS: dict[str, dict[str, Any]] = {
    "GetItem": {"TableName": "stock", "Key": {"pk": {"S": "SKU#A"}}, "ConsistentRead": True},
    "PutItem": {"TableName": "stock", "Item": {**ITEM, "packed": {"B": b"\x00\xff"}}},
    "TransactWriteItems": {
        "TransactItems": [
            {
                "Update": {
                    "TableName": "stock",
                    "Key": {"pk": {"S": "é"}},
                    "UpdateExpression": "SET a = :a",
                    "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"B": b"x"}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            }
        ],
        "ClientRequestToken": "token",
    },
    "BatchGetItem": {"RequestItems": {"stock": {"Keys": [{"pk": {"S": "a"}}]}}},
    "BatchExecuteStatement": {
        "Statements": [{"Statement": "UPDATE", "Parameters": [{"S": "a"}, {"BOOL": True}]}]
    },
    "Query": {"TableName": "stock", "Limit": 3, "ExpressionAttributeValues": {":a": {"N": "1"}}},
}


@pytest.mark.parametrize("operation", INPUTS)
def test_a_request_is_the_one_that_botocore_makes(operation: str) -> None:
    model = botocore.session.get_session().get_service_model("dynamodb").operation_model(operation)
    own, expected = (
        serializer.serialize_to_request(INPUTS[operation], model)
        for serializer in (InputSerializer(), create_serializer("json", False))
    )
    bodies = [json.loads(request.pop("body")) for request in (own, expected)]
    assert bodies[0] == bodies[1]
    assert own == expected


def test_a_value_that_dynamodb_cannot_hold_is_refused() -> None:
    model = botocore.session.get_session().get_service_model("dynamodb").operation_model("PutItem")
    with pytest.raises(TypeError):
        InputSerializer().serialize_to_request({"Item": {"pk": {"S": object()}}}, model)
