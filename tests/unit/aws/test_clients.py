"""How a client of AWS is made."""

from typing import Any

import pytest
from botocore.exceptions import DataNotFoundError, ParamValidationError

from shared.aws import clients


@pytest.mark.parametrize("service", ["dynamodb", "dynamodbstreams", "events", "s3", "sqs"])
def test_every_service_has_a_client(environment: pytest.MonkeyPatch, service: str) -> None:
    assert clients.client(service).meta.service_model.service_name == service


def test_a_service_that_does_not_exist_is_refused(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataNotFoundError):
        clients.client("dynamo")


def test_parameters_are_checked_in_tests_and_not_in_a_deployed_function(
    environment: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ParamValidationError):
        clients.dynamodb().get_item(TableName="t")  # type: ignore[call-arg]
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "availability-query")
    clients.client.cache_clear()

    def sent(**_: Any) -> None:
        raise Sent

    clients.dynamodb().meta.events.register_first("before-send", sent)
    with pytest.raises(Sent):
        clients.dynamodb().get_item(TableName="t")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://dynamodb.eu-central-1.amazonaws.com"),
        ("cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"),
    ],
)
def test_a_call_goes_to_the_endpoint_of_the_region(
    environment: pytest.MonkeyPatch, region: str, url: str
) -> None:
    environment.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
    environment.setenv("AWS_DEFAULT_REGION", region)
    clients.client.cache_clear()
    sent_to = []

    def sent(request: Any, **_: Any) -> None:
        sent_to.append(request.url)
        raise Sent

    clients.dynamodb().meta.events.register_first("before-send", sent)
    with pytest.raises(Sent):
        clients.dynamodb().get_item(TableName="t", Key={"pk": {"S": "a"}})
    assert sent_to == [f"{url}/"]


class Sent(Exception):
    """The request was not checked."""
