from pathlib import Path

import httpx

from infra.cli.dead_letters import corrected_bodies
from infra.cli.status import short
from infra.local.target import Client, Refused, Target, channel, load

TARGET = Target(
    api_url="http://x.execute-api.localhost:1",
    api_host="x.execute-api.localhost:1",
    endpoint_url="http://127.0.0.1:1",
    region="eu-central-1",
    stage="dev",
    stock_feed_queue_url="http://localhost:1/q",
    stock_feed_dlq_url="http://localhost:1/d",
    feed_bucket="b",
    token_url="http://127.0.0.1:1/oauth2/token",
    user_pool_id="pool",
    clients={"web": Client("id", "secret")},
    tables={"stock": "stock-1"},
    digest="d",
    stock_bulk_queue_url="http://localhost:1/b",
)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    TARGET.save(tmp_path)
    assert load(tmp_path) == TARGET
    assert (tmp_path / "local.json").stat().st_mode & 0o077 == 0


def test_a_secret_is_not_shown() -> None:
    assert "secret'" not in repr(TARGET)


def test_a_token_is_asked_for_once_and_a_post_is_named() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/oauth2/token":
            return httpx.Response(200, json={"access_token": "T", "expires_in": 3600})
        return httpx.Response(200, json={})

    with channel(TARGET, "web") as http:
        http._transport = httpx.MockTransport(answer)
        http.get("/v1/locations")
        http.post("/v1/orders", json={})
        http.post("/v1/orders", json={}, headers={"Idempotency-Key": "mine"})
    assert [request.url.path for request in asked] == [
        "/oauth2/token",
        "/v1/locations",
        "/v1/orders",
        "/v1/orders",
    ]
    token, get, post, named = asked
    assert token.content == b"grant_type=client_credentials"
    assert token.headers["authorization"].startswith("Basic ")
    assert get.headers["authorization"] == "Bearer T"
    assert get.headers["host"] == TARGET.api_host
    assert "idempotency-key" not in get.headers
    assert len(post.headers["idempotency-key"]) == 36
    assert named.headers["idempotency-key"] == "mine"


def test_a_problem_is_told_with_every_place_that_was_wrong() -> None:
    problem = {
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the request does not fit its schema",
        "errors": [{"path": "$.lines[0].sku", "message": "Field required"}],
    }
    assert str(Refused.of(httpx.Response(422, json=problem))) == (
        "422 Unprocessable Entity: the request does not fit its schema\n"
        "  $.lines[0].sku: Field required"
    )


def test_a_refusal_of_the_gateway_or_a_proxy_is_told_too() -> None:
    assert str(Refused.of(httpx.Response(401, json={"message": "Unauthorized"}))) == (
        "401 Unauthorized: Unauthorized"
    )
    assert str(Refused.of(httpx.Response(502, text="bad"))) == "502 Bad Gateway: bad"


def test_corrected_letters_come_as_array_or_as_lines() -> None:
    rows = '{"message_id": "1", "body": {"a": 1}}\n{"message_id": "2", "body": "x"}\n'
    assert corrected_bodies(rows) == {"1": {"a": 1}, "2": "x"}
    assert corrected_bodies('[{"message_id": "1", "body": []}]') == {"1": []}


def test_a_generated_name_is_told_short() -> None:
    name = "norain-dev-Stock-FeedQueueB01CC067-8A66C82359ECD"
    assert short(name) == "Stock FeedQueue"
    assert (
        short("norain-dev-Stock-FeedDeadLetters1487E92F-9A93615D8D4B5") == "Stock FeedDeadLetters"
    )
    assert short("mine") == "mine"
