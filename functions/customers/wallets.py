"""The routes of wallets: points and tier of a customer. The loyalty Lambda answers them."""

from datetime import datetime

from functions.customers.requests import Cursor, Limit, ProfilePath, record_reads
from shared.loyalty import wallets
from shared.loyalty.contract.wallets import (
    PointsEntries,
    PointsInput,
    WalletAnswer,
    entry_answer,
    wallet_answer,
)
from shared.loyalty.wallets import Wallet
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import ID
from shared.web.cursor import cursor_of, key_of

READ, WRITE = needs("loyalty:read"), needs("loyalty:write")
ENTRY_KEY = rf"{ID} [0-9]{{1,12}}"
"""The decoded cursor of the ledger: home profile and version of the last row."""

router = routes()


@router.get(
    "/v1/customers/<profile_id>/wallet",
    operation_id="getWallet",
    security=READ,
    summary="Read the wallet of a customer",
    description="Returns points and tier of the person over all channels. After a merge there is "
    "one balance over all profiles of the person. Each read is recorded in the audit of the "
    "profile.",
)
def get_wallet(profile_id: ProfilePath) -> WalletAnswer:
    now = now_in_milliseconds()
    wallet = wallets.wallet(profile_id, now)
    record_reads([wallet.profile_id], "wallet", caller_of(router))
    return _answer(wallet, now)


@router.get(
    "/v1/customers/<profile_id>/points/entries",
    operation_id="listPointsEntries",
    security=READ,
    summary="Read the ledger of a customer's points",
    description="Returns every change of the points: one account after the other when profiles "
    "were merged, each the newest first. Each read is recorded in the audit of the profile.",
)
def list_entries(
    profile_id: ProfilePath, limit: Limit = 50, cursor: Cursor = None
) -> PointsEntries:
    home, _, version = key_of(cursor, ENTRY_KEY).partition(" ") if cursor else ("", "", "")
    after = (home, int(version)) if home else None
    profile, rows, following = wallets.entries(profile_id, limit, after)
    record_reads([profile.profile_id], "points", caller_of(router))
    return PointsEntries(
        profile_id=profile.profile_id,
        entries=[
            entry_answer(row.home, row.version, row.at, entry)
            for row in rows
            for entry in reversed(row.entries)
        ],
        next_cursor=cursor_of("{} {}".format(*following)) if following else None,
    )


@router.post(
    "/v1/customers/<profile_id>/points",
    operation_id="changePoints",
    security=WRITE,
    summary="Give or take points by hand",
    description="Gives points, which expire like points that are earned now, or takes available "
    "ones. 409 `points_short` when fewer are available.",
)
def adjust_points(profile_id: ProfilePath, body: PointsInput) -> WalletAnswer:
    now = now_in_milliseconds()
    request = request_of(router)
    wallet = wallets.adjust(profile_id, body.delta, body.reason, request, now)
    record_reads([wallet.profile_id], "wallet", caller_of(router))
    return _answer(wallet, now)


def _answer(wallet: Wallet, now: datetime) -> WalletAnswer:
    return wallet_answer(
        wallet.profile_id, wallet.programme, wallet.accounts, wallet.standings.values(), now
    )
