"""What a bad day does to the calls to DynamoDB: throttles, answers that are lost, requests that
arrive twice, an index that is behind, and a role that may do less than the code thinks."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from shared.aws import dynamodb
from shared.aws.clients import dynamodb as client
from shared.aws.settings import table_name
from shared.errors import Busy, Throttled
from tests.support import permissions

Storm = Literal["throttled", "lost", "doubled"]
"""Not done; done, and nobody hears of it; done, and sent again by the client below us."""

WRITES = frozenset(
    {
        "BatchExecuteStatement",
        "BatchWriteItem",
        "DeleteItem",
        "PutItem",
        "TransactWriteItems",
        "UpdateItem",
    }
)
Items = dict[str, dict[tuple[str, str], Mapping[str, Any]]]


class Weather:
    """``denied`` are the (function, table, action) that a role did not allow; ``struck`` are the
    calls of all machines that a storm has struck."""

    struck: ClassVar[Counter[str]] = Counter()

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.storm: Storm | None = None
        self.denied: list[permissions.Use] = []
        self._first = self._last = self._calls = 0
        self._behind: Items = {}
        self._role: str | None = None
        self._may = permissions.allowed()
        original: Callable[..., Any] = vars(BaseClient)["_make_api_call"]

        def make_api_call(of: BaseClient, name: str, params: dict[str, Any]) -> Any:
            if of.meta.service_model.service_name != "dynamodb":
                return original(of, name, params)
            return self._call(lambda: original(of, name, params), name, params)

        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        patch.setattr(dynamodb, "pause", lambda _: None)

    def brew(self, storm: Storm, first: int, calls: int) -> None:
        """From the call ``first`` on so many calls are struck."""
        self.storm, self._first, self._last, self._calls = storm, first, first + calls - 1, 0

    def clear(self) -> None:
        self.storm = None

    def index_falls_behind(self) -> None:
        """From now on indexes show the items as they are now, and none that is newer."""
        self._behind = {name: _items(name) for name in ("stock", "orders")}

    def index_catches_up(self) -> None:
        self._behind = {}

    @property
    def index_is_behind(self) -> bool:
        return bool(self._behind)

    @contextmanager
    def role(self, function: str | None) -> Iterator[None]:
        before, self._role = self._role, function
        try:
            yield
        finally:
            self._role = before

    def _call(self, make: Callable[[], Any], name: str, params: dict[str, Any]) -> Any:
        self._check_role(name, params)
        if name == "TransactWriteItems":
            # What botocore sends again carries the token of the first time.
            params.setdefault("ClientRequestToken", str(uuid.uuid4()))
        if self.storm is None:
            return self._indexed(make(), params)
        self._calls += 1
        if not self._first <= self._calls <= self._last:
            return self._indexed(make(), params)
        return self._struck(self.storm, make, name, params)

    def _struck(
        self, storm: Storm, make: Callable[[], Any], name: str, params: dict[str, Any]
    ) -> Any:
        self.struck[storm] += 1
        if storm == "throttled":
            if len(params.get("Statements", ())) > 1:
                return self._half(make, params)
            raise Throttled("a test takes no more calls for now")
        if name not in WRITES:
            return self._indexed(make(), params)
        answer = make()
        if storm == "lost":
            raise Busy("a test has lost the answer")
        return make() or answer

    @staticmethod
    def _half(make: Callable[[], Any], params: dict[str, Any]) -> Any:
        """Every other statement is throttled: each is written or not by itself."""
        statements = params["Statements"]
        params["Statements"] = statements[::2]
        written = iter(make()["Responses"])
        throttled = {"Error": {"Code": "ThrottlingError", "Message": "a test"}}
        return {
            "Responses": [
                throttled if number % 2 else next(written) for number in range(len(statements))
            ]
        }

    def _check_role(self, name: str, params: Mapping[str, Any]) -> None:
        if self._role is None:
            return
        for table, action in permissions.uses(name, params):
            use = (self._role, table, action)
            if use not in self._may:
                self.denied.append(use)
                error: Any = {"Code": "AccessDeniedException", "Message": f"{use} is not allowed"}
                raise ClientError({"Error": error}, name)

    def _indexed(self, answer: Any, params: Mapping[str, Any]) -> Any:
        if not self._behind or "IndexName" not in params:
            return answer
        known = self._behind.get(str(params["TableName"]).rpartition("-")[2], {})
        shown = [known[key] for item in answer["Items"] if (key := _key(item)) in known]
        return {**answer, "Items": shown, "Count": len(shown)}


def _items(name: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    pages = client().get_paginator("scan").paginate(TableName=table_name(name), ConsistentRead=True)
    return {_key(item): item for page in pages for item in page["Items"]}


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
