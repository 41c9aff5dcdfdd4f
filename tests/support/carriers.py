"""A provider of carriers that answers from a script, and shapes of its JSON of our own making."""

import hashlib
import hmac
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import urllib3

from shared.addresses import Address
from shared.aws.secrets import secret
from shared.aws.settings import setting
from shared.carriers import asking
from shared.carriers.model import Consignment, Package

SENDER = Address("Denver Store", ("1 Main St",), "Denver", "80202", "US", region="CO")
RECIPIENT = Address(
    "Ana Núñez", ("9 Elm St", "Apt 4"), "Omaha", "68102", "US", region="NE", phone="+14025550100"
)
CONSIGNMENT = Consignment("o-1.1.1", SENDER, RECIPIENT, Package(1200, 300, 200, 100))
KEYS = {"api_key": "key-for-tests", "webhook_secret": "secret-for-tests"}


class Asked(NamedTuple):
    method: str
    url: str
    body: Any
    headers: Mapping[str, str]


class Scripted:
    """Takes the place of the connection pool: answers in the order of the script, and keeps what
    was asked. An answer is (status, body), or an exception that is raised."""

    def __init__(self, *script: tuple[int, Any] | Exception) -> None:
        self.script = list(script)
        self.asked: list[Asked] = []

    def request(self, method: str, url: str, **more: Any) -> urllib3.HTTPResponse:
        body = json.loads(more["body"]) if more.get("body") else None
        self.asked.append(Asked(method, url, body, more.get("headers", {})))
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        preload = more.get("preload_content", True)
        return urllib3.HTTPResponse(io.BytesIO(data), status=status, preload_content=preload)

    @property
    def routes(self) -> list[str]:
        return [f"{asked.method} {asked.url.partition('//')[2]}" for asked in self.asked]


@contextmanager
def provider(name: str, *script: tuple[int, Any] | Exception) -> Iterator[Scripted]:
    """The provider ``name`` is configured and answers ``script``, all of which must be asked."""
    pool = Scripted(*script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NORAIN_CARRIER", name)
        patch.setenv("NORAIN_CARRIER_KEYS", json.dumps(KEYS))
        patch.setattr(asking, "_pool", lambda: pool)
        patch.setattr(asking, "WAITS", (0, 0))
        setting.cache_clear()
        secret.cache_clear()
        yield pool
    setting.cache_clear()
    secret.cache_clear()
    assert pool.script == []


def easypost_shipment(*, bought: bool = False, **more: Any) -> dict[str, Any]:
    rate = {
        "id": "rate_1",
        "carrier": "USPS",
        "service": "Priority",
        "rate": "7.33",
        "currency": "USD",
        "delivery_days": 2,
        "delivery_date": None,
    }
    label = {
        "tracking_code": "9400100000000000000001",
        "selected_rate": rate,
        "postage_label": {
            "id": "pl_1",
            "label_url": "https://files.example.com/1.png",
            "label_pdf_url": "https://files.example.com/1.pdf",
            "label_file_type": "image/png",
        },
        "tracker": {"public_url": "https://track.example.com/1"},
    }
    unbought = dict.fromkeys(label)
    return {
        "id": "shp_1",
        "object": "Shipment",
        "rates": [rate, {**rate, "id": "rate_2", "service": "Express", "rate": "26.40"}],
        "messages": [],
        **(label if bought else unbought),
        **more,
    }


def easypost_message(status: str, at: str, detail: str = "") -> dict[str, Any]:
    row = {"status": status, "status_detail": detail, "datetime": at, "tracking_location": None}
    return {
        "id": "evt_1",
        "object": "Event",
        "description": "tracker.updated",
        "result": {
            "id": "trk_1",
            "object": "Tracker",
            "tracking_code": "9400100000000000000001",
            "carrier": "USPS",
            "status": status,
            "tracking_details": [row],
        },
    }


def shippo_rate() -> dict[str, Any]:
    return {
        "object_id": "rate-1",
        "provider": "UPS",
        "servicelevel": {"name": "Ground", "token": "ups_ground"},
        "amount": "8.50",
        "currency": "USD",
        "estimated_days": 3,
    }


def shippo_transaction(status: str = "SUCCESS") -> dict[str, Any]:
    return {
        "object_id": "tra-1",
        "status": status,
        "tracking_number": "1Z0000000000000001",
        "label_url": "https://files.example.com/2.pdf",
        "tracking_url_provider": "https://track.example.com/2",
        "messages": [{"source": "UPS", "code": "x", "text": "The account is not active."}]
        if status == "ERROR"
        else [],
    }


def shippo_message(status: str, at: str, substatus: str | None = None) -> dict[str, Any]:
    return {
        "event": "track_updated",
        "data": {
            "tracking_number": "1Z0000000000000001",
            "carrier": "ups",
            "tracking_status": {
                "status": status,
                "status_date": at,
                "substatus": {"code": substatus} if substatus else None,
                "location": {"city": "Omaha"},
            },
        },
    }


def signed(message: object, secret: str = KEYS["webhook_secret"]) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a message that EasyPost has signed."""
    body = json.dumps(message).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hmac-signature": f"hmac-sha256-hex={digest}"}, body
