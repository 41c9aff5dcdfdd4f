"""Webhooks without a network: who is told, how it is signed, where it may go."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidRequest
from shared.webhooks import model
from shared.webhooks.model import (
    check_url,
    failed_too_long,
    is_entitled_to,
    is_public_address,
    rest_seconds,
    retry_seconds,
)
from tests.support.profiles import examples
from tests.support.webhooks import AT, webhook


def event(kind: str = "order.placed", **data: Any) -> dict[str, Any]:
    return {"id": "o-1@1.0", "source": "norain/orders", "type": kind, "data": data}


def test_a_webhook_is_told_of_its_types_and_of_no_others() -> None:
    assert is_entitled_to(webhook(), event("availability.changed", sku="a"))
    assert not is_entitled_to(webhook(), event("order.cancelled", channel="web"))
    assert not is_entitled_to(webhook(state="disabled"), event("availability.changed", sku="a"))


def test_an_order_of_another_channel_is_not_told() -> None:
    assert is_entitled_to(webhook(), event(channel="web"))
    assert not is_entitled_to(webhook(), event(channel="pos"))
    assert is_entitled_to(webhook(channels=frozenset({"all"})), event(channel="pos"))
    assert not is_entitled_to(webhook(channels=frozenset()), event(channel="all"))


def test_what_is_not_for_a_channel_is_told_to_whoever_sees_another() -> None:
    changed = event("availability.changed", sku="a", not_for=["pos", "web"])
    assert not is_entitled_to(webhook(), changed)
    assert is_entitled_to(webhook(channels=frozenset({"web", "kiosk"})), changed)
    assert is_entitled_to(webhook(channels=frozenset({"all"})), changed)
    mine = event("availability.changed", sku="a", channel="web")
    assert is_entitled_to(webhook(), mine)
    assert not is_entitled_to(webhook(channels=frozenset({"pos"})), mine)


def test_the_signature_is_that_of_the_standard() -> None:
    """The vector of Standard Webhooks' reference libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = model.signature_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_makes_the_same_signature_from_the_secret_it_was_told() -> None:
    secret = model.derive_secret(b"key", "wh_1")
    headers = model.signature_headers(secret, "msg_1", AT, b"{}")
    told = base64.b64decode(model.encode_secret(secret).removeprefix("whsec_"))
    mine = hmac.new(told, f"msg_1.{int(AT.timestamp())}.{{}}".encode(), hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mine).decode()}"


def test_each_webhook_and_each_key_has_another_secret() -> None:
    made = {model.derive_secret(key, name) for key in (b"a", b"b") for name in ("wh_1", "wh_2")}
    assert len(made) == 4
    assert all(24 <= len(secret) <= 64 for secret in made)


def test_a_message_keeps_its_id_and_shares_it_with_no_other() -> None:
    one = model.message_id("wh_1", event())
    assert one == model.message_id("wh_1", {**event(), "time": "later"})
    others = [
        model.message_id("wh_2", event()),
        model.message_id("wh_1", {**event(), "id": "o-1@1.1"}),
        model.message_id("wh_1", {**event(), "source": "norain/availability"}),
    ]
    assert len({one, *others}) == 4


def test_the_waits_rise_until_a_message_is_given_up() -> None:
    waits = [retry_seconds(attempt) for attempt in range(1, model.MAX_ATTEMPTS + 1)]
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 43_000, None]


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert retry_seconds(1, retry_after=60) == 60
    assert retry_seconds(2, retry_after=60) == 300
    assert retry_seconds(1, retry_after=10**8) == 43_000 < 12 * 3600


def test_it_is_worn_out_after_a_day_of_failures() -> None:
    assert not failed_too_long(webhook(), AT)
    assert not failed_too_long(webhook(failing_since=AT), AT + timedelta(hours=23, minutes=59))
    assert failed_too_long(webhook(failing_since=AT), AT + timedelta(hours=24))


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/norain?x=1",
        "https://shop.example.com:443/",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
    ],
)
def test_a_public_address_over_https_is_good(url: str) -> None:
    assert check_url(url, loopback=False).hostname


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/",
        "ftp://shop.example.com/",
        "shop.example.com",
        "https://",
        "https:///path",
        "https://user:password@shop.example.com/",
        "https://user@shop.example.com/",
        "https://shop.example.com/#part",
        "https://shop.example.com:99999/",
        "https://shop.example.com:0/",
        "https://shop.example.com/ x",
        "https://shop.example.com/\n",
        "https://shöp.example.com/",
        f"https://shop.example.com/{'x' * 2048}",
        "https://localhost/",
        "https://localhost./",
        "https://api.localhost/",
        "https://printer.local/",
        "https://vault.internal/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://10.1.2.3/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[::7f00:1]/",
        "https://[ff02::1]/",
    ],
)
def test_what_is_inside_or_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        check_url(url, loopback=False)


def test_another_port_is_for_development_only() -> None:
    assert check_url("https://shop.example.com:8443", loopback=False, any_port=True).port == 8443
    with pytest.raises(InvalidRequest):
        check_url("https://shop.example.com:8443", loopback=False)


def test_this_machine_is_let_through_where_that_is_set_and_nothing_else_is() -> None:
    for url in ("http://127.0.0.1:8080/x", "http://localhost/x", "https://[::1]/x"):
        assert check_url(url, loopback=True)
    for url in ("http://10.0.0.1/", "http://shop.example.com/", "https://127.0.0.2/"):
        with pytest.raises(InvalidRequest):
            check_url(url, loopback=True)


@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)
    )
)
@examples(300)
def test_no_address_that_is_not_global_is_public(address: IPv4Address | IPv6Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public_address(str(address))


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
@examples(100)
def test_an_address_that_is_wrapped_in_ipv6_gets_nowhere_else(address: IPv4Address) -> None:
    assert is_public_address(f"::ffff:{address}") == is_public_address(str(address))
    assert not is_public_address(f"64:ff9b::{address}")


def test_the_longer_it_fails_the_longer_it_is_left_alone() -> None:
    def resting(seconds: int, failures: int = model.REST_AFTER_FAILURES) -> int | None:
        since = AT - timedelta(seconds=seconds)
        return rest_seconds(webhook(failing_since=since, failures=failures), AT)

    found = [resting(seconds) for seconds in (0, 5, 10, 400, 900, 80_000)]
    assert found == [5, 5, 10, 400, 900, 900]
    assert resting(900, model.REST_AFTER_FAILURES - 1) is None
    assert rest_seconds(webhook(), AT) is None
