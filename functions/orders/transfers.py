"""The routes of transfers: stock that moves from one location to another."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from shared.errors import invalid
from shared.locations.store import find as find_location
from shared.orders import sending, suggesting
from shared.orders.contract.transfers import (
    CancelTransferInput,
    ReceiveInput,
    SuggestionsAnswer,
    TransferAnswer,
    TransferInput,
    suggestions_answer,
    transfer_answer,
)
from shared.orders.model import transfers
from shared.orders.model.transfers import Transfer, TransferChange
from shared.orders.store import order_id_of_request
from shared.orders.store import transfers as transfers_store
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import Id, Sku

READ, WRITE = needs("transfers:read"), needs("transfers:write")
MOST_SUGGESTED = 20
TRANSFER = "/v1/transfers/<transfer_id>"
TransferPath = Annotated[Id, Path(description="The id of the transfer.")]

router = routes()


@router.post(
    "/v1/transfers",
    operation_id="requestTransfer",
    status_code=201,
    security=WRITE,
    summary="Request a transfer of stock between two locations",
    description="Reserves the units at the sending location and announces them as expected at the "
    "receiving location. The caller must work at one of the two locations.",
)
def request_transfer(body: TransferInput) -> TransferAnswer:
    caller, request, now = caller_of(router), request_of(router), now_in_milliseconds()
    caller.must_work_at(body.from_location_id, body.to_location_id)
    for field in ("from_location_id", "to_location_id"):
        if find_location(getattr(body, field)) is None:
            raise invalid(f"$.{field}", "this location does not exist")
    requested = transfers.request(
        body.transfer(order_id_of_request(request), now), now, caller.actor
    )
    text = transfers_store.request_once(requested, now, request, _answer_text)
    return TransferAnswer.model_validate_json(text)


@router.get(
    "/v1/transfers/suggestions",
    operation_id="suggestTransfers",
    security=READ,
    summary="Suggest transfers that would sell more units",
    description="Compares the expected sales of each store within `days`: a location gives units "
    "above its 98 % service level and takes units up to its 90 % level. Each suggestion gains more "
    "margin than the transfer costs under the routing policy in force.",
)
def suggest_transfers(
    sku: Annotated[
        list[Sku], Query(max_length=MOST_SUGGESTED, description="The SKUs to compare, up to 20.")
    ],
    days: Annotated[int, Query(ge=1, le=60, description="Days of expected sales.")] = 7,
) -> SuggestionsAnswer:
    return suggestions_answer(suggesting.suggest_transfers(sku, days, now_in_milliseconds()))


@router.get(
    TRANSFER,
    operation_id="getTransfer",
    security=READ,
    summary="Read a transfer",
    description="Returns the current state of a transfer with its lines and history.",
)
def get_transfer(transfer_id: TransferPath) -> TransferAnswer:
    return transfer_answer(transfers_store.with_past(transfers_store.find(transfer_id)))


@router.post(
    f"{TRANSFER}/ship",
    operation_id="shipTransfer",
    security=WRITE,
    summary="Mark a transfer as shipped",
    description="The units leave the stock of the sending location, where the caller must work. "
    "Those for an order stay while the order is paused or not paid.",
)
def ship_transfer(transfer_id: TransferPath) -> TransferAnswer:
    def decide(transfer: Transfer, now: datetime, actor: str) -> TransferChange:
        sending.check_may_leave(transfer)
        return transfers.ship(transfer, now, actor)

    return _change(transfer_id, decide, lambda transfer: (transfer.from_location_id,))


@router.post(
    f"{TRANSFER}/receive",
    operation_id="receiveTransfer",
    security=WRITE,
    summary="Receive units of a transfer",
    description="The received units are on sale at the receiving location at once; the caller must "
    "work there. Units that are not received become `missing` unless `final` is false. Missing "
    "units can still be received later.",
)
def receive_transfer(transfer_id: TransferPath, body: ReceiveInput | None = None) -> TransferAnswer:
    received = body or ReceiveInput()
    return _change(
        transfer_id,
        lambda transfer, now, actor: transfers.receive(
            transfer, received.units(), now, actor, final=received.final
        ),
        lambda transfer: (transfer.to_location_id,),
    )


@router.post(
    f"{TRANSFER}/cancel",
    operation_id="cancelTransfer",
    security=WRITE,
    summary="Cancel a transfer that has not been shipped",
    description="The units stay at the sending location and are on sale there again. The caller "
    "must work at one of the two locations.",
)
def cancel_transfer(
    transfer_id: TransferPath, body: CancelTransferInput | None = None
) -> TransferAnswer:
    reason = (body or CancelTransferInput()).reason
    return _change(
        transfer_id,
        lambda transfer, now, actor: transfers.cancel(transfer, reason, now, actor),
        lambda transfer: (transfer.from_location_id, transfer.to_location_id),
    )


def _change(
    transfer_id: str,
    decide: Callable[[Transfer, datetime, str], TransferChange],
    locations: Callable[[Transfer], tuple[str, ...]],
) -> TransferAnswer:
    """Changes a transfer. The caller must work at one of its ``locations``."""
    caller, request, now = caller_of(router), request_of(router), now_in_milliseconds()

    def checked(transfer: Transfer) -> TransferChange:
        caller.must_work_at(*locations(transfer))
        return decide(transfer, now, caller.actor)

    text = transfers_store.change(transfer_id, checked, now, request=request, answer=_answer_text)
    return TransferAnswer.model_validate_json(text or "")


def _answer_text(transfer: Transfer) -> str:
    return transfer_answer(transfer).model_dump_json()
