"""A what-if as `norain what-if` puts it together and draws it; the API itself answers the pages."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from rich.console import Console

from functions.orders.api import handler as orders
from functions.routing.api import handler as routing
from infra.cli.what_if import drawn, pages, together
from infra.local.target import Refused
from tests.functions.routing.past import DEAR
from tests.support.requests import request

pytestmark = pytest.mark.usefixtures("placed")


class Gateway(httpx.BaseTransport):
    """The functions themselves, as the gateway would call them."""

    def handle_request(self, sent: httpx.Request) -> httpx.Response:
        what_if = sent.url.path.endswith("what-if")
        made = request("orders/try_draft" if what_if else "routing/put_draft")
        made["body"] = sent.content.decode()
        made["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] += " norain/policy:read"
        answered = (orders if what_if else routing)(made, None)
        return httpx.Response(answered["statusCode"], content=answered["body"])


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(base_url="http://norain", transport=Gateway()) as client:
        yield client


def policy(**changes: Any) -> str:
    return json.dumps({**json.loads(request("routing/put_draft")["body"]), **changes})


def told(parts: list[Any]) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()


def test_the_pages_of_a_draft_from_a_file_are_one_result(
    http: httpx.Client, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr("functions.routing.what_if.WHAT_IF_ITEMS", 3)
    handling = {kind: {"package": row.package, "unit": row.unit} for kind, row in DEAR.items()}
    rails = {"days": 2, "orders": 1, "splits": 0.5}
    found = together(pages(http, 2, policy(handling=handling, split=0, guard_rails=rails)))
    assert (found["through"], found["before"]["orders"], len(found["differences"])) == (True, 4, 4)
    assert found["after"]["load"] == {"boulder": 4, "denver": 4}
    assert [row["guard_rail"] for row in found["broken"]] == ["splits"]
    text = told(drawn(found))
    assert "4, of which 4 would come from elsewhere" in text
    assert "1.000 additional parcels per order; the limit is 0.5" in text
    assert "depot" in text


def test_without_a_file_the_draft_there_is_is_tried(http: httpx.Client) -> None:
    with pytest.raises(Refused) as refused:
        together(pages(http, 2, None))
    assert refused.value.status == 404
    together(pages(http, 2, policy()))
    again = together(pages(http, 2, None))
    assert (again["draft_revision"], again["through"]) == (1, True)


def test_what_does_not_fit_the_schema_is_told_by_its_place(http: httpx.Client) -> None:
    with pytest.raises(Refused) as refused:
        list(pages(http, 2, policy(split=-1)))
    assert "$.split" in str(refused.value)


def test_a_result_that_another_has_overtaken_says_so() -> None:
    page = {"draft_revision": 3, "differences": []}
    found = together(iter([page]))
    assert (found["through"], found["broken"]) == (False, [])
    assert "begin again" in told(drawn(found))
