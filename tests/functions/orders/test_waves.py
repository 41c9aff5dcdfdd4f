"""Waves: begun by several people, walked along the bins, and picked tote by tote."""

import json
from typing import Any

import pytest

from functions.carriers import api as papers_api
from functions.orders import api
from shared.orders import store
from shared.orders.store import waves
from shared.stock import store as stock
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
WORKS_ELSEWHERE = "norain/fulfillments:write norain/fulfillments:read norain/channel:all"


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({sku: {"denver": 50} for sku in ("A", "B", "C")})
    stock.put_bins("denver", {"A": "A-10", "B": "A-2"})


def call(name: str, body: Body | None = None, path: str = "", key: str = "", **more: Any) -> Any:
    headers = {"idempotency-key": key or f"{name}-1"}
    made = request(f"orders/{name}", body=body, path=path or None, headers=headers, **more)
    return answered(api.handler(made, None))


def accepted(key: str, accept: bool = True, **units: int) -> str:
    """The fulfillment of a new order that denver has accepted."""
    line = json.loads(event("orders/place_order")["body"])["lines"][0]
    lines = [
        {**line, "line_id": str(number), "sku": sku, "quantity": quantity}
        for number, (sku, quantity) in enumerate((units or {"A": 2}).items(), 1)
    ]
    status, order = call("place_order", {"lines": lines}, key=key)
    assert status == 201, order
    (part,) = order["fulfillments"]
    name: str = part["fulfillment_id"]
    assert part["location_id"] == "denver"
    if accept:
        assert call("accept_fulfillment", None, f"/v1/fulfillments/{name}/accept", name)[0] == 200
    project(name)
    return name


def project(name: str) -> None:
    """The pick list as the stream would leave it."""
    order = store.find(store.order_of_fulfillment(name))
    assert order is not None
    store.project_pick_rows(order, None)


def begun(key: str = "w-1", expected: int = 201, **body: Any) -> Body:
    status, answer = call("start_wave", {"most": None, **body}, key=key)
    assert status == expected, answer
    shop.laws()
    return answer  # type: ignore[no-any-return]


def read(wave: Body, expected: int = 200, **more: Any) -> Body:
    status, answer = call("get_wave", path=f"/v1/waves/{wave['wave_id']}", **more)
    assert status == expected, answer
    return answer  # type: ignore[no-any-return]


def picked(wave: Body, *rows: Body, key: str = "p-1", expected: int = 200, **more: Any) -> Body:
    path = f"/v1/waves/{wave['wave_id']}/pick"
    body = {"fulfillments": list(rows) or None}
    status, answer = call("pick_wave", body, path, key, **more)
    assert status == expected, answer
    shop.laws()
    return answer  # type: ignore[no-any-return]


def names(wave: Body) -> list[str]:
    return [tote["fulfillment_id"] for tote in wave["totes"]]


def test_the_walk_goes_along_the_bins_and_says_what_goes_into_which_tote() -> None:
    one, two = accepted("1", A=2, C=1), accepted("2", A=1, B=3)
    wave = begun()
    assert names(wave) == [one, two]
    assert {tote["assignee"] for tote in wave["totes"]} == {"ann"}
    assert [(stop.get("bin"), stop["sku"], stop["quantity"]) for stop in wave["walk"]] == [
        ("A-2", "B", 3),
        ("A-10", "A", 3),
        (None, "C", 1),
    ]
    assert wave["walk"][1]["title"] == "The A"
    assert wave["walk"][1]["totes"] == [
        {"tote": 1, "line_id": "1", "quantity": 2},
        {"tote": 2, "line_id": "1", "quantity": 1},
    ]
    assert read(wave) == wave


def test_a_wave_takes_what_is_accepted_and_free_and_not_more_than_is_asked_for() -> None:
    offered = accepted("1", accept=False)
    assigned = accepted("2")
    path = f"/v1/fulfillments/{assigned}/assign"
    assert call("assign_fulfillment", {"to": "bob"}, path)[0] == 200
    paused = accepted("3")
    path = f"/v1/orders/{store.order_of_fulfillment(paused)}/pauses"
    assert call("pause_order", None, path)[0] == 200
    free = [accepted(str(number)) for number in range(4, 8)]
    project(assigned)
    project(paused)
    assert names(begun(most=3)) == free[:3]
    assert names(begun("w-2")) == free[3:]
    refused = begun("w-3", 409)
    assert refused["code"] == "conflict"
    wanted = [offered, assigned, paused, free[0], "o-9.1"]
    refused = begun("w-4", 409, fulfillment_ids=wanted)
    codes = ["invalid_transition", "conflict", "order_paused", "conflict", "not_found"]
    assert [row["code"] for row in refused["refused"]] == codes


def test_named_fulfillments_that_a_wave_does_not_get_are_refused_one_by_one() -> None:
    one, two = accepted("1"), accepted("2", accept=False)
    wave = begun(fulfillment_ids=[two, one], to=None)
    assert names(wave) == [one]
    assert "assignee" not in wave
    (refused,) = wave["refused"]
    assert (refused["fulfillment_id"], refused["problem"]["code"]) == (two, "invalid_transition")
    assert "refused" not in read(wave)


def test_a_repeated_request_gets_the_same_wave_and_a_wave_that_got_nothing_is_tried_again() -> None:
    begun(expected=409)
    name = accepted("1")
    wave = begun()
    assert names(wave) == [name]
    accepted("2")
    assert begun() == wave
    assert begun(expected=422, most=1)["code"] == "idempotency_key_reused"


def test_a_request_that_died_goes_on_with_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [accepted(str(number)) for number in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(waves, "finish", lambda *_: 1 / 0)
        assert call("start_wave", {"most": 2}, key="w-1")[0] == 500
    for name in made:
        project(name)
    (item,) = (row for row in shop.items("orders") if row["sk"] == "WAVE")
    wave_id = item["pk"].removeprefix("WAVE#")
    assert read({"wave_id": wave_id}, 409)["code"] == "conflict"
    accepted("4")
    assert names(begun(most=2)) == made[:2]


def test_a_wave_that_a_repetition_has_dropped_gives_everything_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = accepted("1")
    finish = waves.finish

    def dropped(wave: Any, totes: Any, answer: str) -> Any:
        waves.drop(wave)
        return finish(wave, totes, answer)

    with monkeypatch.context() as patch:
        patch.setattr(waves, "finish", dropped)
        assert begun(expected=503)["code"] == "busy"
    project(name)
    assert names(begun()) == [name]


def test_a_fulfillment_leaves_its_wave_when_its_work_is_taken_back() -> None:
    one, two = accepted("1"), accepted("2")
    wave = begun()
    path = f"/v1/fulfillments/{one}/assign"
    assert call("assign_fulfillment", {"to": None}, path)[0] == 200
    seen = read(wave)
    assert [(tote["tote"], tote["fulfillment_id"]) for tote in seen["totes"]] == [(2, two)]
    project(one)
    assert names(begun("w-2")) == [one]


def test_what_was_not_found_is_rejected_and_the_rest_is_picked() -> None:
    one, two, three = accepted("1", A=2, B=1), accepted("2", A=1), accepted("3", B=1)
    wave = begun()
    missing = {"line_id": "1", "quantity": 1, "reason": "not_found"}
    rows = [
        {"fulfillment_id": one, "rejected": [missing]},
        {"fulfillment_id": two, "rejected": [missing]},
    ]
    first = picked(wave, *rows)
    assert [result["status"] for result in first["results"]] == [200, 200]
    parts = [result["fulfillment"] for result in first["results"]]
    assert [part["state"] for part in parts] == ["picked", "rejected"]
    assert [line["quantity"] for line in parts[0]["lines"]] == [1, 1]
    assert shop.counts("A", "denver")[0] == 48
    assert picked(wave, *rows) == first
    seen = read(wave)
    assert [tote["state"] for tote in seen["totes"]] == ["picked", "rejected", "accepted"]
    assert [(stop["sku"], stop["quantity"], stop["picked"]) for stop in seen["walk"]] == [
        ("B", 2, 1),
        ("A", 1, 1),
    ]
    rest = picked(wave, key="p-2")["results"]
    assert [result["status"] for result in rest] == [409, 409, 200]
    assert rest[2]["fulfillment"]["fulfillment_id"] == three


def test_a_wave_shows_no_tracking_numbers() -> None:
    """An erasure removes them from the order, and does not know of the wave."""
    name = accepted("1")
    wave = begun()
    path = f"/v1/fulfillments/{name}/ship"
    assert call("ship_fulfillment", {"tracking": "1Z999"}, path)[0] == 200
    assert read(wave)["totes"][0]["state"] == "shipped"
    assert "1Z999" not in str(read(wave))


def test_only_what_is_in_the_wave_is_picked_by_it() -> None:
    accepted("1")
    wave = begun()
    other = accepted("2")
    (result,) = picked(wave, {"fulfillment_id": other})["results"]
    assert (result["status"], result["problem"]["code"]) == (409, "conflict")
    too_many = {"line_id": "1", "quantity": 9, "reason": "not_found"}
    row = {"fulfillment_id": names(wave)[0], "rejected": [too_many]}
    (result,) = picked(wave, row, key="p-2")["results"]
    assert result["status"] == 422
    assert read(wave)["totes"][0]["state"] == "accepted"


def test_waves_are_for_those_who_work_at_the_location() -> None:
    accepted("1")
    wave = begun()
    assert call("start_wave", key="w-2", scope=WORKS_ELSEWHERE)[0] == 403
    assert read(wave, 403, scope=WORKS_ELSEWHERE)["code"] == "forbidden"
    assert picked(wave, key="p-9", expected=403, scope=WORKS_ELSEWHERE)["code"] == "forbidden"
    assert read({"wave_id": "none"}, 404)["wave_id"] == "none"
    status, missing = call("start_wave", {"location_id": "nowhere"}, key="w-3")
    assert (status, missing["code"]) == (404, "not_found")


def test_a_request_that_cannot_be_is_refused_by_its_path() -> None:
    both = begun(expected=422, most=2, fulfillment_ids=["o-1.1"])
    assert both["code"] == "invalid_request"
    assert paths(begun(expected=422, most=21)) == {"$.most"}
    assert paths(begun(expected=422, fulfillment_ids=["o"] * 21)) == {"$.fulfillment_ids"}


def test_the_walk_is_printed_without_what_is_picked() -> None:
    one = accepted("1", A=1, B=1)
    accepted("2", C=1)
    wave = begun()
    path = f"/v1/waves/{wave['wave_id']}/pick-list"

    def printed() -> bytes:
        response = papers_api.handler(request("orders/print_wave", path=path), None)
        assert response["statusCode"] == 200
        assert response["headers"]["Content-Type"] == "application/pdf"
        return str(response["body"]).encode()

    whole = printed()
    picked(wave, {"fulfillment_id": one})
    part = printed()
    picked(wave, key="p-2")
    assert len(whole) > len(part) > len(printed())
