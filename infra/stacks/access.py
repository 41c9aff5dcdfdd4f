"""Authentication: one OAuth 2 client per channel, each with the scopes that its work needs."""

from dataclasses import dataclass

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.platform import Platform
from shared.web.auth import REACHES, RESOURCE_SERVER, SCOPES


def trusted(*sources: str) -> tuple[str, ...]:
    """The scopes of a client that may send records of ``sources``, including verified fields."""
    return tuple(f"source:{source}:trusted" for source in sources)


READS = ("locations:read", "catalog:read", "availability:read", "prices:read", "orders:read")
HEARS = ("webhooks:read", "webhooks:write")
SELLS = (
    *READS,
    "stock:read",
    "orders:write",
    "customers:read",
    "customers:write",
    "cards:read",
    "loyalty:read",
    "recommendations:read",
)
WORKS = (
    "fulfillments:read",
    "fulfillments:write",
    "transfers:read",
    "transfers:write",
    "location:all",
)

CLIENTS: dict[str, tuple[str, ...]] = {
    "web": (*SELLS, *HEARS, "channel:web", *trusted("web", "app", "shop", "kiosk")),
    "pos": (*SELLS, *WORKS, *HEARS, "stock:write", "channel:all", *trusted("pos", "kiosk")),
    "marketplace": (*READS, *HEARS, "orders:write", "channel:marketplace", "source:marketplace"),
    "associate": (
        *SELLS,
        *WORKS,
        "customers:manage",
        "cards:write",
        "channel:all",
        *trusted("associate", "pos", "kiosk"),
    ),
    "planner": (
        *READS,
        "stock:read",
        "transfers:read",
        "policy:read",
        "policy:write",
        "promotions:read",
        "promotions:write",
        "loyalty:read",
        "loyalty:write",
        "kpis:read",
        "kpis:write",
        "plans:read",
        "channel:all",
    ),
    "ops": (*SCOPES, "channel:all", "location:all", *trusted("all")),
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """The values by which the gateway verifies a token."""

    url: str
    audience: tuple[str, ...]


class Access(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        self.pool = cognito.UserPool(
            self,
            "Clients",
            self_sign_up_enabled=False,
            deletion_protection=not platform.disposable,
            removal_policy=platform.removal_policy,
        )
        domain = self.pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(
                domain_prefix=f"norain-{platform.stage}-{self.account}"
            ),
        )
        self.token_url = f"{domain.base_url()}/oauth2/token"
        scopes = {
            scope_name: cognito.ResourceServerScope(
                scope_name=scope_name, scope_description=description
            )
            for scope_name, description in {**SCOPES, **REACHES}.items()
        }
        server = self.pool.add_resource_server(
            "Scopes", identifier=RESOURCE_SERVER, scopes=list(scopes.values())
        )
        self.clients = {
            client: self.pool.add_client(
                client.capitalize(),
                generate_secret=True,
                enable_token_revocation=True,
                access_token_validity=Duration.hours(1),
                o_auth=cognito.OAuthSettings(
                    flows=cognito.OAuthFlows(client_credentials=True),
                    scopes=[
                        cognito.OAuthScope.resource_server(server, scopes[scope_name])
                        for scope_name in granted
                    ],
                ),
            )
            for client, granted in CLIENTS.items()
        }
        self.issuer = Issuer(
            url=f"https://cognito-idp.{self.region}.{self.url_suffix}/{self.pool.user_pool_id}",
            audience=tuple(client.user_pool_client_id for client in self.clients.values()),
        )
        CfnOutput(self, "UserPoolId", value=self.pool.user_pool_id)
        CfnOutput(self, "TokenUrl", value=self.token_url)
        for client, made in self.clients.items():
            CfnOutput(self, f"Client{client.capitalize()}Id", value=made.user_pool_client_id)
