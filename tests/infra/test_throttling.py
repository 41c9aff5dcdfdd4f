"""How many requests a second the gateway lets through, by stage and by setting."""

import pytest
from aws_cdk import App

from infra.app import build
from infra.platform import Platform
from infra.stacks.api import throttle
from tests.infra.conftest import Templates


def settings(templates: Templates) -> tuple[int, int]:
    (stage,) = templates.of("AWS::ApiGatewayV2::Stage")
    found = stage.properties["DefaultRouteSettings"]
    return found["ThrottlingRateLimit"], found["ThrottlingBurstLimit"]


def test_a_stage_with_shoppers_has_the_default_quota_of_an_account(cloud: Templates) -> None:
    assert settings(cloud) == (10_000, 5_000)


def test_a_test_deployment_leaves_most_of_the_quota_to_others(local: Templates) -> None:
    assert settings(local) == (1_000, 500)


def test_a_setting_replaces_the_default_of_every_stage() -> None:
    for stage in ("dev", "prod"):
        chosen = throttle(Platform(stage, local=False, requests_per_second=20_000, burst=8_000))
        assert (chosen.rate_limit, chosen.burst_limit) == (20_000, 8_000)


def test_a_setting_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="many"):
        build(App(context={"requests_per_second": "many"}))
