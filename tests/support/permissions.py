"""What each function does on each table, as the tests see it: (function, table, action) of IAM.

The local cloud lets everything pass, so that a permission which is missing shows on AWS alone. The
tests of the functions run every handler: what a handler does is recorded here, items of
transactions and batches included, and has to stand in permissions.json; tests/infra holds that file
against the policies of the templates. ``make permissions`` writes the file anew.

policies.json is what the templates let each function do, so that a change shows in a review and the
law machine can deny the rest; tests/infra holds it against the templates.
"""

import importlib.abc
import importlib.machinery
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from shared import schema
from shared.aws import clients

USES = Path(__file__).parent / "permissions.json"
POLICIES = Path(__file__).parent / "policies.json"
RECORDING = "NORAIN_RECORD_PERMISSIONS"
TABLES = frozenset(table.name for table in schema.TABLES)
STATEMENT = re.compile(r'(INSERT|UPDATE)(?: INTO)? "([^"]+)"')
PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}

Use = tuple[str, str, str]
running: list[str] = []
"""The handlers that are running, the outermost first; the innermost does what is done."""
seen: set[Use] = set()
recording = True


def known() -> set[Use]:
    """What the tests of the functions have seen."""
    return _read(USES)


def allowed() -> set[Use]:
    """What the policies let the functions do."""
    return _read(POLICIES)


def _read(path: Path) -> set[Use]:
    rows: dict[str, dict[str, list[str]]] = json.loads(path.read_text()) if path.exists() else {}
    return {
        (function, table, action)
        for function, tables in rows.items()
        for table, actions in tables.items()
        for action in actions
    }


def write(path: Path, uses: Iterable[Use]) -> None:
    """``uses`` as JSON, by function and table."""
    rows: dict[str, dict[str, set[str]]] = {}
    for function, table, action in uses:
        rows.setdefault(function, {}).setdefault(table, set()).add(action)
    plain = {
        function: {table: sorted(actions) for table, actions in sorted(tables.items())}
        for function, tables in sorted(rows.items())
    }
    path.write_text(json.dumps(plain, indent=1) + "\n")


def watch() -> None:
    """From now on: every handler says when it runs, every client what it is asked."""
    sys.meta_path.insert(0, _Handlers())
    clients._session().register("provide-client-params.dynamodb.*", _note)


def unlisted() -> list[Use]:
    """What was done that the file does not know; forgotten with the answer."""
    if os.environ.get(RECORDING):
        _keep()
        return []
    found = sorted(seen - known())
    seen.clear()
    return found


def _keep() -> None:
    folder = Path(os.environ[RECORDING])
    folder.mkdir(parents=True, exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    (folder / f"{worker}.json").write_text(json.dumps(sorted(seen)))


def collect(folder: Path) -> None:
    """Writes permissions.json from what the workers of a recording run have seen."""
    write(
        USES, (tuple(use) for path in folder.glob("*.json") for use in json.loads(path.read_text()))
    )


def _note(**asked: Any) -> None:
    if running and recording:
        seen.update(
            (running[-1], table, action)
            for table, action in uses(asked["model"].name, asked["params"])
            if table in TABLES
        )


def uses(name: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(table, action) of IAM of one call."""
    match name:
        case "TransactWriteItems":
            for part in params["TransactItems"]:
                ((kind, one),) = part.items()
                yield _table(one["TableName"]), PARTS.get(kind, "ConditionCheckItem")
        case "TransactGetItems":
            for part in params["TransactItems"]:
                yield _table(part["Get"]["TableName"]), "GetItem"
        case "BatchWriteItem" | "BatchGetItem":
            for table in params["RequestItems"]:
                yield _table(table), name
        case "BatchExecuteStatement":
            for statement in params["Statements"]:
                verb, table = STATEMENT.match(statement["Statement"]).groups()  # type: ignore[union-attr]
                yield _table(table), f"PartiQL{verb.capitalize()}"
        case _ if "TableName" in params:
            yield _table(params["TableName"]), name


def _table(name: str) -> str:
    return name.rpartition("-")[2]


@contextmanager
def _as(function: str) -> Iterator[None]:
    running.append(function)
    try:
        yield
    finally:
        running.pop()


def _watched(function: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    def call(event: Any, context: Any) -> Any:
        with _as(function):
            return handler(event, context)

    return call


class _Handlers(importlib.abc.MetaPathFinder):
    """Wraps ``handler`` of every module of functions/ as it is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("functions."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        handler = getattr(module, "handler", None)
        if handler is not None:
            module.__dict__["handler"] = _watched(f"{module.__name__}.handler", handler)


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
