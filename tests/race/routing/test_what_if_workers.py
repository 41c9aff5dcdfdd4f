"""Workers that share a what-if at the same time give what one pass gives."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.routing import run_what_if
from shared.aws import walks
from shared.orders import store
from shared.orders.model.what_ifs import WhatIfJob
from shared.orders.store import what_ifs
from shared.routing.model.decision import Decision
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.whatif import what_if
from tests.support import shop
from tests.support.past_orders import DEAR, NOW, place

pytestmark = pytest.mark.usefixtures("local_tables")

ORDERS, WORKERS = 24, 6
TORN = replace(DEFAULT_POLICY, handling=DEAR, split=0)


def test_no_order_counts_twice_and_none_is_missing(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(run_what_if, "PAGE", 3)
    environment.setattr(run_what_if, "STEP_SECONDS", -1)
    shop.stocked({"A": {"denver": 90, "depot": 90}, "B": {"boulder": 90, "depot": 90}})
    for number in range(ORDERS):
        place(f"o{number:02}")
    job = WhatIfJob("JOB", "", 2, NOW - timedelta(days=2), 1, TORN, NOW)
    what_ifs.add(job)
    round_ = walks.begin(what_ifs.WALK, None, 3, walks.now(), {"id": job.id})
    assert round_ is not None
    body = json.dumps({"walk": what_ifs.WALK.name, "round": round_.number})
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)

    def work(number: int) -> Any:
        event = {"Records": [{"messageId": str(number), "body": body}]}
        return run_what_if.handler(event, context)

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(work, range(WORKERS)))
    assert answers == [{"batchItemFailures": []}] * WORKERS
    ended = what_ifs.find(job.id)
    assert ended is not None
    assert ended.totals is not None
    decided = [
        (each.order_id, Decision.from_bytes(store.decision(each.order_id, each.decisions[0])))
        for each in shop.all_orders()
    ]
    expected = what_if(decided, TORN)
    assert expected.before.orders == ORDERS
    for totals, sequential in zip(ended.totals, (expected.before, expected.after), strict=True):
        assert totals.km == pytest.approx(sequential.km)
        assert totals.kg_co2e == pytest.approx(sequential.kg_co2e)
        assert replace(totals, km=0, kg_co2e=0) == replace(sequential, km=0, kg_co2e=0)
    assert what_ifs.differences_page(ended, 0) == expected.differences
