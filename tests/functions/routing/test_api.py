"""The routes of the routing policies, from the gateway's event to its answer."""

import copy
import json
from typing import Any

import pytest

from functions.routing.api import handler
from shared.routing.contract import PolicyDocument
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.store import policies
from tests.support.requests import answered, paths, request

pytestmark = pytest.mark.usefixtures("fake_tables")

SENT = json.loads(request("routing/put_draft")["body"])
DOCUMENT = PolicyDocument.model_validate(SENT).model_dump(mode="json")
"""With what may be left out, too."""


def call(name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request(f"routing/{name}", **changes), None))


def test_a_policy_goes_from_draft_to_force_and_back() -> None:
    status, draft = call("put_draft")
    assert (status, draft["revision"]) == (200, 1)
    assert draft["policy"] == DOCUMENT
    status, made = call("publish_draft")
    assert status == 200
    assert (made["version"], made["active"], made["published_by"]) == (1, True, "planner-client")
    assert made["policy"] == DOCUMENT
    assert policies.active_policy().split == DOCUMENT["split"] == 120
    status, listed = call("list_policies")
    assert status == 200
    assert listed["active"] == 1
    assert listed["draft"]["published_as"] == 1
    assert [entry["version"] for entry in listed["policies"]] == [1, 0]
    assert call("roll_back") == (200, {"active": 0, "before": 1})
    assert policies.active_policy() == DEFAULT_POLICY


def test_the_default_policy_fits_the_schema_and_is_listed() -> None:
    status, listed = call("list_policies")
    assert status == 200
    assert "draft" not in listed
    (default,) = listed["policies"]
    assert (default["version"], default["active"]) == (0, True)
    assert default["policy"] == {**DOCUMENT, "split": DEFAULT_POLICY.split}


def test_policies_come_page_by_page() -> None:
    call("put_draft")
    call("publish_draft")
    _, first = call("list_policies", query={"limit": "1"})
    _, second = call("list_policies", query={"limit": "1", "cursor": first["next_cursor"]})
    assert [entry["version"] for entry in first["policies"] + second["policies"]] == [1, 0]
    assert "next_cursor" not in second
    assert call("list_policies", query={"cursor": "eA"})[0] == 422


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with ``value`` at ``path``, as the fields to replace."""
    document: Any = copy.deepcopy(DOCUMENT)
    *steps, last = path.split(".")
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return {steps[0] if steps else last: document[steps[0] if steps else last]}


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("colour", "red", "$.colour"),
        ("handling.kiosk", {"package": 1, "unit": 1}, "$.handling.kiosk"),
        ("carbon.price", -1, "$.carbon.price"),
        ("split", 1.5, "$.split"),
        ("max_packages", 0, "$.max_packages"),
        ("unfilled.share", "NaN", "$.unfilled.share"),
        ("services.standard.bands.0.parcel", "1", "$.services.standard.bands[0].parcel"),
        ("currency", "usd", "$.currency"),
        ("services.same_day.strict", 1, "$.services.same_day.strict"),
        ("markdown.share", -0.1, "$.markdown.share"),
        ("guard_rails", {"days": 7, "orders": 50, "late": 2}, "$.guard_rails.late"),
        ("late_day", None, "$.late_day"),
        ("bands_km", [50, 150], "$"),
        ("bands_km", [150, 50, 300, 600, 1000], "$"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(field: str, value: Any, path: str) -> None:
    status, body = call("put_draft", body=changed(field, value))
    assert (status, body["code"]) == (422, "invalid_request")
    assert paths(body) == {path}
    assert policies.draft() is None


def test_a_draft_that_has_changed_since_is_refused() -> None:
    response = handler(request("routing/put_draft"), None)
    seen = response["headers"]["ETag"]
    assert seen == '"1"'
    assert call("put_draft", body={"split": 5}, headers={"if-match": seen})[0] == 200
    for name in ("put_draft", "publish_draft"):
        status, body = call(name, headers={"if-match": seen})
        assert (status, body["code"], body["version"]) == (412, "version_mismatch", 2)
    assert call("publish_draft", headers={"if-match": '"2"'})[0] == 200
    assert call("publish_draft", headers={"if-match": "latest"})[0] == 422


def test_what_is_not_there_is_not_found() -> None:
    assert call("publish_draft")[0] == 404
    status, body = call("roll_back", path="/v1/routing/policies/7/rollback")
    assert (status, body["version"]) == (404, 7)
    assert call("roll_back", path="/v1/routing/policies/newest/rollback")[0] == 422


def test_a_canary_is_started_listed_and_promoted() -> None:
    call("put_draft")
    status, made = call("start_canary")
    assert (status, made["version"], made["active"]) == (200, 1, False)
    _, listed = call("list_policies")
    assert listed["active"] == 0
    canary = listed["canary"]
    assert (canary["version"], canary["percent"], canary["by"]) == (1, 25, "planner-client")
    call("put_draft")
    status, refused = call("publish_draft")
    assert (status, refused["code"], refused["canary"]) == (409, "conflict", 1)
    assert call("promote_canary") == (200, {"active": 1, "before": 0})
    assert call("promote_canary")[0] == 404
    _, listed = call("list_policies")
    assert (listed["active"], "canary" in listed) == (1, False)


def test_a_canary_is_taken_back() -> None:
    call("put_draft")
    call("start_canary", body={"percent": 0.5})
    assert call("stop_canary") == (200, {"active": 0, "before": 1})
    assert call("stop_canary")[0] == 404


@pytest.mark.parametrize("percent", [0, 100, "NaN"])
def test_a_share_that_is_none_or_all_is_no_canary(percent: Any) -> None:
    call("put_draft")
    status, body = call("start_canary", body={"percent": percent})
    assert (status, paths(body)) == (422, {"$.percent"})


def test_a_policy_with_guard_rails_is_not_published_without_a_what_if() -> None:
    rails = {"days": 7, "orders": 50, "late": 0.02}
    status, draft = call("put_draft", body={"guard_rails": rails})
    assert (status, draft["policy"]["guard_rails"]["late"]) == (200, 0.02)
    for name in ("publish_draft", "start_canary"):
        status, body = call(name)
        assert (status, body["code"], body["guard_rails"]["days"]) == (409, "what_if_missing", 7)


def test_the_schema_of_a_policy_is_published_and_says_what_is_refused() -> None:
    status, schema = call("get_schema")
    assert status == 200
    assert schema["$schema"].startswith("https://json-schema.org/draft/2020-12")
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(DOCUMENT)
    assert set(schema["required"]) == set(SENT)
    described = schema["$defs"]["GuardRailsDocument"]["properties"]
    assert all("description" in entry for entry in described.values())
