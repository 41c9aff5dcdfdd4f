"""The HTTP API: one route per operation of the API document, with the operation's scopes.

The document is generated from the code of the routes (infra/openapi.py), so no route is deployed
without its contract, and no contract without its route.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarm import alarm
from infra.function import Function
from infra.openapi import DOCUMENT
from infra.platform import Platform
from infra.stacks.access import Issuer

ACCOUNT_RATE, ACCOUNT_BURST = 10_000, 5_000
"""The default quota of an AWS account for all its APIs in a region (see infra/README.md)."""
DISPOSABLE_RATE, DISPOSABLE_BURST = 1_000, 500
"""A test deployment leaves the rest of the quota to the other APIs of its account."""


class Api(Stack):
    """``functions`` maps the names that ``function_of`` returns to functions."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        issuer: Issuer,
        functions: Mapping[str, Function],
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        self.http = apigateway.HttpApi(
            self,
            "Http",
            api_name=f"norain-{platform.stage}",
            create_default_stage=False,
            cors_preflight=apigateway.CorsPreflightOptions(
                allow_origins=["*"],
                allow_methods=[apigateway.CorsHttpMethod.ANY],
                allow_headers=["authorization", "content-type", "idempotency-key", "if-match"],
                expose_headers=["etag"],
                max_age=Duration.hours(1),
            ),
        )
        access_log = logs.LogGroup(
            self,
            "AccessLog",
            retention=platform.log_retention,
            removal_policy=platform.removal_policy,
        )
        self.stage = apigateway.HttpStage(
            self,
            "Live",
            http_api=self.http,
            stage_name="$default",
            auto_deploy=True,
            throttle=throttle(platform),
        )
        log_requests(self.stage, access_log)
        authorizer = authorizers.HttpJwtAuthorizer(
            "Tokens", issuer.url, jwt_audience=list(issuer.audience)
        )
        calls = {
            area: integrations.HttpLambdaIntegration(
                area, function.alias, scope_permission_to_route=False
            )
            for area, function in functions.items()
        }
        for method, path, operation in operations(json.loads(DOCUMENT.read_text())):
            scopes = [
                granted for choice in operation.get("security", []) for granted in choice["oauth"]
            ]
            apigateway.HttpRoute(
                self,
                operation["operationId"],
                http_api=self.http,
                route_key=apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod(method)),
                integration=calls[function_of(operation)],
                authorizer=authorizer if scopes else None,
                authorization_scopes=scopes or None,
            )
        CfnOutput(self, "ApiUrl", value=self.http.api_endpoint)
        CfnOutput(self, "ApiId", value=self.http.api_id)
        alarm(
            self,
            "ServerErrors",
            problem="the API answers with server errors",
            first_step="the access log names the routes, the functions' logs the errors",
            metric=self.http.metric_server_error(period=Duration.minutes(1), statistic="Sum"),
            at_least=5,
            periods=2,
            of_periods=3,
        )


def throttle(platform: Platform) -> apigateway.ThrottleSettings:
    """Requests a second, and the bucket that a burst may empty: as the platform says, else by
    stage. The account's quota applies beside it, so a larger rate needs a larger quota first."""
    rate, burst = ACCOUNT_RATE, ACCOUNT_BURST
    if platform.disposable:
        rate, burst = DISPOSABLE_RATE, DISPOSABLE_BURST
    return apigateway.ThrottleSettings(
        rate_limit=platform.requests_per_second or rate, burst_limit=platform.burst or burst
    )


def function_of(operation: Mapping[str, Any]) -> str:
    """The name of the function that answers an operation: its ``x-function``, else its area."""
    named: str = operation.get("x-function", operation["tags"][0])
    return named


def operations(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Method (upper case), path and operation of every route, in the document's order."""
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def log_requests(stage: apigateway.HttpStage, group: logs.ILogGroup) -> None:
    """One log line per request, without path and query, because they may contain personal data."""
    fields = ("requestId", "routeKey", "status", "responseLatency", "integrationErrorMessage")
    raw = cast("apigateway.CfnStage", stage.node.default_child)
    raw.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
        destination_arn=group.log_group_arn,
        format=json.dumps({field: f"$context.{field}" for field in fields}),
    )
