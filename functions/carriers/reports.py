"""The routes by which carriers report of parcels."""

import base64
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from shared.carriers import port
from shared.instants import must_have_passed
from shared.orders import parcels
from shared.orders.contract.labels import ParcelEventsAnswer, ParcelEventsInput
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs

ProviderPath = Annotated[
    str, Path(description="The provider of carriers: `easypost` or `shippo`.", max_length=20)
]

router = routes()


@router.post(
    "/v1/carriers/<provider>/events",
    operation_id="receiveProviderEvents",
    summary="Receive tracking events of EasyPost or Shippo",
    description="The webhook of the provider that the deployment uses. It takes no token: EasyPost "
    "signs each message (`X-Hmac-Signature`), Shippo signs it or adds the secret to the address "
    "(`?token=`). The body is the provider's own JSON. Repeated and late messages change nothing "
    "more.",
)
def hear_provider(provider: ProviderPath) -> ParcelEventsAnswer:
    event = router.current_event
    body = event.raw_event.get("body") or ""
    raw = base64.b64decode(body) if event.raw_event.get("isBase64Encoded") else body.encode()
    headers = {name.lower(): value for name, value in event.headers.items()}
    query = event.query_string_parameters
    events = port.events_of(provider, headers, query, raw)
    return parcels.hear_all(events, now_in_milliseconds())


@router.post(
    "/v1/parcels/events",
    operation_id="recordParcelEvents",
    security=needs("parcels:write"),
    summary="Report what carriers did with parcels",
    description="For carriers of your own: `delivered`, `lost` and `returned_to_sender` close the "
    "promise or open a claim. An event may come before the parcel is shipped here; repeated and "
    "late events change nothing more.",
)
def report_parcels(body: ParcelEventsInput) -> ParcelEventsAnswer:
    caller_of(router).must_see_all()
    now = now_in_milliseconds()
    must_have_passed(
        {f"$.events[{index}].at": row.at for index, row in enumerate(body.events)}, now
    )
    return parcels.hear_all((row.event() for row in body.events), now)
