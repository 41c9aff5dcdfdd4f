"""Orders that are placed while a person is erased: each is erased too, refused, or of a new
account. None is left under the person, and no new account loses one."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.customers import work_off_jobs
from shared.aws import events
from shared.customers import store as customers
from shared.customers.contract.statements import CustomerIdentity
from shared.customers.store import Act, erasing, files, jobs
from shared.errors import Gone
from shared.orders import buyers, placing, store
from shared.orders.contract.orders import order_answer
from shared.web.auth import Caller
from tests.support import shop
from tests.support.shop import line, order, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

BUYERS = 24
CALLER = Caller("web", frozenset({"source:web:trusted"}))
CUSTOMER = CustomerIdentity.model_validate(
    {
        "source": "web",
        "source_id": "account-77",
        "identifiers": {"email": "zoe@shop.test"},
        "attributes": {"given_name": "Zoe"},
    }
)


class Bus:
    def put_events(self, **request: Any) -> dict[str, Any]:
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"} for _ in request["Entries"]]}


def buy(number: int) -> str:
    """How it ended."""
    now = datetime.now(UTC)
    asked = request(f"k-{number}", number)
    try:
        placing.place(
            order(f"o-{number}", line("1", "A", 1)),
            asked,
            "web",
            now,
            lambda stored: order_answer(stored).model_dump_json(),
            lambda: buyers.find_buyer(CUSTOMER, asked, now, CALLER),
        )
    except Gone:
        return "refused"
    stored = store.find(f"o-{number}")
    assert stored is not None
    buyers.record_in_timeline(stored)
    return "placed"


def test_an_order_during_an_erasure_is_erased_too_or_of_a_new_account(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("NORAIN_EVENT_BUS", "norain-test")
    environment.setenv("NORAIN_INDEX_LAG_SECONDS", "0")
    environment.setattr(events, "client", lambda _: Bus())
    environment.setattr(files, "forget", lambda _: None)
    shop.stocked({"A": {"denver": BUYERS + 9}})
    assert buy(BUYERS) == "placed"
    first = store.find(f"o-{BUYERS}")
    assert first is not None
    old = first.buyer.profile_id
    assert old is not None
    gate = threading.Barrier(BUYERS + 1)

    def work(number: int) -> str:
        gate.wait()
        if number < BUYERS:
            return buy(number)
        job_id = erasing.request_erasure(old, Act("ops", datetime.now(UTC), "asked for"), "job")
        job = jobs.take(job_id, work_off_jobs._now())
        assert job is not None
        return work_off_jobs.run_steps(job, float("inf")).state

    with ThreadPoolExecutor(BUYERS + 1) as pool:
        ends = Counter(pool.map(work, range(BUYERS + 1)))
    assert ends["done"] == 1
    kept = {found.order_id: found.buyer.profile_id or "" for found in shop.all_orders()}
    assert len(kept) == ends["placed"] + 1
    assert old not in kept.values()
    assert kept[f"o-{BUYERS}"].startswith("erased-")
    for buyer in kept.values():
        assert buyer.startswith("erased-") or customers.profile_exists(buyer) == buyer
    rows = shop.items("customers")
    of_old = {row["sk"].partition("#")[0] for row in rows if row["pk"] == f"PROFILE#{old}"}
    assert of_old == {"PROFILE"}
    shop.laws()
    assert buy(BUYERS + 1) == "placed"
