"""The digest of a day, on the bus and by mail."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.kpis import tell_digest
from shared.errors import Busy
from shared.orders import model
from shared.orders.model import Rejection
from tests.support import shop
from tests.support.counted import NOW, changed, count, handed_over, placed
from tests.support.shop import line

pytestmark = pytest.mark.usefixtures("fake_tables")


class Told:
    """What went to the bus and to the topic."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.mails: list[dict[str, Any]] = []
        self.taken = 1

    def send(self, bus: str, events: list[dict[str, Any]]) -> int:
        self.events += events
        return self.taken

    def publish(self, **mail: Any) -> None:
        self.mails.append(mail)


@pytest.fixture
def told(environment: pytest.MonkeyPatch, fake_tables: None) -> Told:
    told = Told()
    environment.setenv("NORAIN_EVENT_BUS", "norain-test")
    environment.setenv("NORAIN_DIGESTS", "arn:aws:sns:eu-central-1:1:digests")
    environment.setattr(tell_digest, "send", told.send)
    environment.setattr(tell_digest, "client", lambda _: told)
    return told


@pytest.fixture
def sold(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 9, "boulder": 9}})
    placed("o-1", line("1", "A", 2))
    handed_over("o-1")
    placed("o-2", line("1", "A", 6))
    shelf = {("A", "denver"): 1}
    rows = [Rejection("1", 6, "not_found")]
    changed("o-2", lambda o: model.reject(o, "o-2.1", rows, shelf, now=NOW, actor="x"))
    count("o-1", "o-2")


def test_a_day_is_told_with_what_went_wrong(sold: None, told: Told) -> None:
    answer = tell_digest.handler({"day": NOW.date().isoformat()}, None)
    assert answer == {"day": "2026-11-20", "findings": 2}
    (event,) = told.events
    assert (event["type"], event["id"]) == ("kpis.digest", "kpis.digest.2026-11-20")
    found = [(one["problem"], one["place"]) for one in event["data"]["findings"]]
    assert found == [("rejected", "denver"), ("unprofitable", "web")]
    assert event["data"]["findings"][0]["number"] == 6
    (sales,) = (kpi for kpi in event["data"]["kpis"] if kpi["name"] == "net_sales")
    assert sales["value"] == 2000.0
    (mail,) = told.mails
    assert mail["Subject"] == "NoRain, 2026-11-20"
    assert mail["Message"] == event["data"]["text"]
    json.dumps(event)


def test_without_a_day_yesterday_is_told(told: Told) -> None:
    before = datetime.now(UTC).date()
    answer = tell_digest.handler({}, None)
    after = datetime.now(UTC).date()
    yesterday = {(day - timedelta(days=1)).isoformat() for day in (before, after)}
    assert answer["day"] in yesterday


def test_an_event_that_the_bus_refuses_fails_the_run(told: Told) -> None:
    told.taken = 0
    with pytest.raises(Busy):
        tell_digest.handler({"day": "2026-11-20"}, None)
    assert told.mails == []
