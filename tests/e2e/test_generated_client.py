"""A client generated from the API document: it type-checks, and it places an order."""

import importlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from infra.local import cloud as local
from tests.e2e.conftest import Deployed, eventually
from tests.e2e.test_selling import counted, product

DOCUMENT = local.ROOT / "functions" / "service" / "openapi.json"
NAME = "norain_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    settings = folder / "settings.yaml"
    binary = "application/octet-stream"
    documents = ("application/pdf", "application/zpl", "image/png")
    overrides = {"post_hooks": [], "content_type_overrides": dict.fromkeys(documents, binary)}
    settings.write_text(json.dumps(overrides))
    command = [
        *(str(Path(sys.executable).with_name("openapi-python-client")), "generate"),
        *("--path", str(DOCUMENT), "--config", str(settings)),
        *("--meta", "none", "--output-path", str(folder / NAME), "--fail-on-warning"),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture
def client(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the generated package by its name."""
    monkeypatch.syspath_prepend(str(package))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{NAME}.{name}")

    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_the_generated_client_type_checks(package: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--config-file", "", "-p", NAME]
    checked = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_generated_client_places_an_order(cloud: Deployed, client: Any) -> None:
    sku = product(cloud)
    store = f"GC-{uuid.uuid4().hex[:8]}"
    sample = json.loads((local.ROOT / "events/locations/put_location.json").read_text())
    assert cloud.as_("ops").put(f"/v1/locations/{store}", content=sample["body"]).is_success
    sent = cloud.as_("ops").post("/v1/stock/updates", json={"events": [counted(sku, store, 5)]})
    assert sent.is_success, sent.text
    eventually(lambda: cloud.as_("ops").get(f"/v1/stock/{sku}/{store}").is_success)

    models = client("models")
    http = client("client").Client(base_url=cloud.target.endpoint_url)
    http.set_httpx_client(cloud.as_("web"))
    place_order, get_order = client("api.orders.place_order"), client("api.orders.get_order")
    money = models.Price(amount=1999, currency="USD")
    order = models.OrderInput(
        channel="web",
        payment=models.PaymentInput(status=models.PaymentInputStatus.PAID, reference="pay-1"),
        lines=[
            models.OrderLineInput(
                line_id="1",
                sku=sku,
                quantity=2,
                unit_price=money,
                method=models.OrderLineInputMethod.PICKUP,
                location_id=store,
            )
        ],
    )
    key = str(uuid.uuid4())

    def placed() -> Any:
        return place_order.sync(client=http, body=order, idempotency_key=key)

    def placed_order() -> Any:
        """The order, once the stock is shown to the router."""
        answer = placed()
        assert isinstance(answer, models.OrderAnswer), answer
        return answer

    answer = eventually(placed_order)
    assert answer.lines[0].open_ == 2
    assert answer.fulfillments[0].location_id == store
    assert placed().order_id == answer.order_id
    assert get_order.sync(client=http, order_id=answer.order_id).order_id == answer.order_id

    refused = place_order.sync(
        client=http,
        body=models.OrderInput.from_dict(
            {**order.to_dict(), "lines": [{**order.to_dict()["lines"][0], "quantity": 50}]}
        ),
        idempotency_key=str(uuid.uuid4()),
    )
    assert isinstance(refused, models.Problem)
    assert refused.code == "out_of_stock"
