"""What an erasure leaves of a wallet, and what an export has of it."""

from typing import Any

import pytest

from functions.customers import work_off_jobs
from functions.loyalty import record_entries
from functions.loyalty.order_points import earning_order
from shared.loyalty import earning, exporting
from shared.loyalty.erasing import close_wallets
from shared.orders import store
from tests.functions.customers.conftest import Jobs
from tests.functions.customers.test_customers_api import call as ask_customers
from tests.functions.customers.test_jobs import look
from tests.functions.loyalty.test_follow_orders import (  # noqa: F401 (the programme)
    Followed,
    follow,
    programme,
    published,
)
from tests.support.shop import NOW
from tests.support.wallets import WINDOW, item, rows, written

pytestmark = pytest.mark.usefixtures("failed_records")


def test_an_erasure_closes_the_wallet_and_an_export_has_it(
    jobs: Jobs, environment: pytest.MonkeyPatch
) -> None:
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    late = written(None, item("bob"))
    record_entries.handler({"Records": [late]}, None)
    earning.mature("bob", "o-1", NOW + WINDOW)
    lines, following = exporting.page(["bob"], "")
    assert following is None
    assert {row["kind"] for row in lines} == {"points", "points_earned", "points_entry", "tier"}
    status, asked = ask_customers("erase", profile_id="bob")
    assert status == 202
    jobs.work()
    assert look(asked["job_id"])[1]["state"] == "done"
    assert rows("bob") == ["POINTS"]
    # A row of the ledger that the stream delivers late goes in the second pass.
    steps = list(work_off_jobs.STEPS["erase"])
    assert steps.index("wallets") < steps.index("settle") < steps.index("wallets again")
    record_entries.handler({"Records": [late]}, None)
    assert close_wallets(["bob"], "", NOW) is None
    assert rows("bob") == ["POINTS"]
    assert set(item("bob") or {}) == {"pk", "sk", "closed_at", "version"}
    order.give_back(1)
    follow(*order.records)
    assert rows("bob") == ["POINTS"]
    assert earning.follow_order("bob", _late_order(order), NOW) is False
    assert published(environment, written(None, item("bob"))) == []
    record_entries.handler({"Records": [written(None, item("bob"))]}, None)
    assert rows("bob") == ["POINTS"]
    assert exporting.page(["bob"], "") == ([], None)


def _late_order(order: Followed) -> Any:
    return earning_order(store.order_of_item(order.images[-2]))
