"""The CDK app: `cdk deploy --all -c stage=prod`, or ``-c local=true`` for the local cloud.

Synthesis needs neither an AWS account nor a network.
"""

from aws_cdk import App, Environment, Tags

from infra.platform import Platform
from infra.stacks.access import Access
from infra.stacks.alerts import Alerts
from infra.stacks.api import Api
from infra.stacks.availability import Availability
from infra.stacks.cards import Cards
from infra.stacks.customers import Customers
from infra.stacks.dashboard import Dashboard
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stacks.kpis import Kpis
from infra.stacks.loyalty import Loyalty
from infra.stacks.orders import Orders
from infra.stacks.plans import Plans
from infra.stacks.pricing import Pricing
from infra.stacks.recommendations import Recommendations
from infra.stacks.reference import Reference
from infra.stacks.stock import Stock
from infra.stacks.webhooks import Webhooks


def build(app: App) -> None:
    """Add every stack to ``app``, for the platform that the context of ``app`` describes."""
    platform = Platform(
        stage=app.node.try_get_context("stage") or "dev",
        local=str(app.node.try_get_context("local") or "").lower() == "true",
        customer_feed_sources=app.node.try_get_context("customer_feed_sources") or "all:trusted",
        alerts_email=app.node.try_get_context("alerts_email"),
        requests_per_second=int(app.node.try_get_context("requests_per_second") or 0),
        burst=int(app.node.try_get_context("burst") or 0),
        carrier=app.node.try_get_context("carrier") or "local",
    )
    where = Environment(
        account=app.node.try_get_context("account"), region=app.node.try_get_context("region")
    )

    def named(concern: str) -> str:
        return f"norain-{platform.stage}-{concern}"

    Alerts(app, named("Alerts"), platform, env=where)
    data = Data(app, named("Data"), platform, env=where)
    access = Access(app, named("Access"), platform, env=where)
    reference = Reference(app, named("Reference"), platform, data=data, env=where)
    events = Events(app, named("Events"), platform, env=where)
    stock = Stock(app, named("Stock"), platform, data=data, events=events, env=where)
    availability = Availability(
        app, named("Availability"), platform, data=data, events=events, env=where
    )
    cards = Cards(app, named("Cards"), platform, data=data, events=events, env=where)
    pricing = Pricing(app, named("Pricing"), platform, data=data, cards=cards, env=where)
    customers = Customers(app, named("Customers"), platform, data=data, events=events, env=where)
    orders = Orders(
        app,
        named("Orders"),
        platform,
        data=data,
        events=events,
        identity_key=customers.identity_key,
        quote_key=pricing.quote_key,
        cards=cards,
        env=where,
    )
    loyalty = Loyalty(app, named("Loyalty"), platform, data=data, events=events, env=where)
    kpis = Kpis(app, named("Kpis"), platform, data=data, events=events, env=where)
    recommendations = Recommendations(
        app, named("Recommendations"), platform, data=data, events=events, env=where
    )
    plans = Plans(app, named("Plans"), platform, data=data, events=events, env=where)
    webhooks = Webhooks(
        app, named("Webhooks"), platform, data=data, events=events, access=access, env=where
    )
    Api(
        app,
        named("Api"),
        platform,
        issuer=access.issuer,
        functions={
            "locations": reference.locations,
            "catalog": reference.catalog,
            "routing": reference.routing,
            "service": reference.service,
            "pricing": pricing.api,
            "cards": cards.api,
            "stock": stock.api,
            "availability.query": availability.query,
            "orders": orders.api,
            "carriers": orders.carriers,
            "customers": customers.api,
            "loyalty": loyalty.api,
            "kpis": kpis.api,
            "recommendations": recommendations.api,
            "plans": plans.api,
            "webhooks": webhooks.api,
        },
        env=where,
    )
    Dashboard(app, named("Dashboard"), platform, env=where)
    Tags.of(app).add("norain:stage", platform.stage)


if __name__ == "__main__":
    app = App()
    build(app)
    app.synth()
