"""Shortcuts in moto, which took half of the CPU time of the tests on tables and functions, and one
thing that it cannot do.

moto copies each table of a transaction, with every item and every record of its stream, in case the
transaction has to be undone: ``quick_transactions`` keeps only the items that the transaction
names. moto looks for every attribute value of an answer under a dozen names: ``quick_answers``
takes the values as they are, since they have the form of the answer already. moto parses the text
of an update anew each time, and asks of each part of it a dozen times what it is:
``quick_expressions`` remembers both. ``FreshTables`` copies empty tables instead of creating them.

All fit the pinned version of moto; tests/tables/test_quick_moto.py compares them with moto's own
code.

moto knows no conditions of PartiQL statements: ``refuse_statements`` throttles every one, so that
the code under test takes its other way. Statements run on DynamoDB Local and on the local cloud.
"""

import copy
import importlib
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from moto.core.models import DEFAULT_ACCOUNT_ID, MockAWS, botocore_stubber
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend, dynamo_type, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import StreamShard, Table
from moto.dynamodb.models.utilities import bytesize

from shared.aws import clients

nodes: Any = importlib.import_module("moto.dynamodb.parsing.ast_nodes")
parsers: Any = importlib.import_module("moto.dynamodb.parsing.expressions")
responses: Any = importlib.import_module("moto.core.responses")
validators: Any = importlib.import_module("moto.dynamodb.parsing.validators")
MOST_BYTES = 405_000
"""Of an item, in moto."""
Restore = Callable[[], None]


@contextmanager
def quick_moto() -> Iterator[None]:
    """moto with the shortcuts."""
    with pytest.MonkeyPatch.context() as patch:
        quick_transactions(patch)
        quick_expressions(patch)
        quick_items(patch)
        quick_requests(patch)
        quick_answers(patch)
        refuse_statements(patch)
        yield


def refuse_statements(patch: pytest.MonkeyPatch) -> None:
    """Each statement of a call is throttled."""

    def batch_execute_statement(
        _: DynamoDBBackend, statements: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        return [{"Error": {"Code": "ThrottlingError", "Message": "no statements"}}] * len(
            statements
        )

    patch.setattr(DynamoDBBackend, "batch_execute_statement", batch_execute_statement)


def quick_transactions(patch: pytest.MonkeyPatch) -> None:
    """Undo a transaction by the items that it names, without a copy of its tables."""
    transact = DynamoDBBackend.transact_write_items

    def transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        restore = _snapshot(self, transact_items)
        try:
            transact(self, transact_items)
        except BaseException:
            restore()
            raise

    # moto's own way back puts "the copy" in place of the table: with this, the table itself.
    patch.setattr(models, "copy", SimpleNamespace(deepcopy=_copy_but_tables))
    patch.setattr(DynamoDBBackend, "transact_write_items", transact_write_items)


def quick_expressions(patch: pytest.MonkeyPatch) -> None:
    """Each text of an update is parsed once, and each class of its parts is looked at once."""
    patch.setattr(validators.Validator, "__init__", _prepare)
    parse = parsers.UpdateExpressionParser.make
    patch.setattr(parsers.UpdateExpressionParser, "make", staticmethod(_parsed(parse)))
    patch.setattr(nodes.DepthFirstTraverser, "traverse", _traverse)
    patch.setattr(nodes.Node, "find_clauses", _find_clauses)


@cache
def _parsed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lru_cache(maxsize=2_000)(parse)


CHECKS = 3
"""The first of a validator: they change nothing, and hold for a text, its names and the keys."""


def _prepare(
    self: Any,
    expression: Any,
    expression_attribute_names: Any,
    expression_attribute_values: Any,
    item: Any,
    table: Any,
) -> None:
    self.expression_attribute_names = expression_attribute_names
    self.expression_attribute_values = expression_attribute_values
    self.item = item
    self.table = table
    checks = self.get_ast_processors()
    checked, pickled = expression.__dict__.setdefault(
        "prepared", (set(), pickle.dumps(expression, pickle.HIGHEST_PROTOCOL))
    )
    for_names = (*table.table_key_attrs, *(expression_attribute_names or {}).items())
    if for_names not in checked:
        for check in checks[:CHECKS]:
            check.traverse(expression)
        checked.add(for_names)
    self.processors = checks[CHECKS:]
    self.node_to_validate = pickle.loads(pickled)


def _traverse(self: Any, root: Any) -> Any:
    """As traverse_node_recursively, depth first."""
    kinds = tuple(self._processing_map())

    def visit(node: Any, child_id: int) -> Any:
        kind: Any = type(node)
        if not _is_a(kind, nodes.Node):
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            self.pre_processing_of_child(node, number)
            visit(child, number)
        if _is_a(kind, kinds):
            node = self.process(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    return visit(root, -1)


def _find_clauses(self: Any, clause_types: Any) -> list[Any]:
    clauses = []
    inner = nodes.Expression, nodes.UpdateExpressionFunction
    for child in self.children or ():
        kind: Any = type(child)
        if kind in clause_types:
            clauses.append(child)
        elif _is_a(kind, inner):
            clauses.extend(child.find_clauses(clause_types))
    return clauses


def quick_items(patch: pytest.MonkeyPatch) -> None:
    """The size of an item is added up when its parts could have become too large, not each time
    that it gets an attribute."""
    patch.setattr(dynamo_type.DynamoType, "size", _size)
    patch.setattr(dynamo_type.LimitedSizeDict, "room", 0, raising=False)
    patch.setattr(dynamo_type.LimitedSizeDict, "__setitem__", _set_attribute)


def _size(self: DynamoType) -> int:
    value = self.value
    match self.type:
        case "N":
            return len(str(value))
        case "M":
            return sum(bytesize(name) + _size(inner) for name, inner in value.items())
        case "L":
            return sum(map(_size, value))
        case "NS":
            return sum(len(str(number)) for number in value)
        case "SS" | "BS":
            return sum(map(bytesize, value))
    return 1 if isinstance(value, bool) else bytesize(value)


set_attribute = dynamo_type.LimitedSizeDict.__setitem__


def _set_attribute(self: Any, name: str, value: Any) -> None:
    """``room`` is what may come until the size has to be added up again: parts that have been
    replaced or removed still count. moto's own method adds up and refuses."""
    if type(value) is not DynamoType:
        set_attribute(self, name, value)
        return
    size = bytesize(name) + _size(value)
    if size <= self.room:
        self.room -= size
        dict.__setitem__(self, name, value)
    else:
        set_attribute(self, name, value)
        self.room = MOST_BYTES - sum(bytesize(key) + each.size() for key, each in self.items())


def quick_requests(patch: pytest.MonkeyPatch) -> None:
    """No signature, no search for methods, no second way for requests that botocore does not
    send."""
    patch.setattr(responses, "method_names_from_class", _method_names)
    patch.setattr(SigV4Auth, "add_auth", _unsigned)
    patch.setattr(MockAWS, "_enable_patching", _enable)


_method_names = cache(responses.method_names_from_class)
add_auth = SigV4Auth.add_auth


def _unsigned(self: Any, request: Any) -> None:
    """What moto reads of a signature: whose it is, and for which region."""
    if type(self) is not SigV4Auth:  # of a link, which is compared
        add_auth(self, request)
        return
    request.context["timestamp"] = "20260101T000000Z"
    del request.headers["Authorization"]
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={self.scope(request)}, SignedHeaders=host, Signature=0"
    )


def _enable(self: Any, reset: bool = True) -> None:
    """Without the answers to the library ``requests``."""
    botocore_stubber.enabled = True
    if reset:
        self.reset()


@cache
def _is_a(kind: Any, kinds: Any) -> bool:
    return issubclass(kind, kinds)


class FreshTables:
    """The tables that ``make`` creates, as they are right after that: made once in a process."""

    def __init__(self, make: Callable[[], None]) -> None:
        self._make = make
        self._tables = b""

    def restore(self) -> None:
        backend = dynamodb_backends[DEFAULT_ACCOUNT_ID][clients.dynamodb().meta.region_name]
        if not self._tables:
            self._make()
            self._tables = pickle.dumps(backend.tables)
        else:
            backend.tables = pickle.loads(self._tables)


def quick_answers(patch: pytest.MonkeyPatch) -> None:
    """Attribute values of DynamoDB go into an answer without a search for their names."""
    serialize = BaseJSONSerializer._serialize_type_structure

    def serialize_structure(
        self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
    ) -> None:
        if shape.name == "AttributeValue" and value is not None:
            serialized[self.get_serialized_name(shape, key)] = _wire(self, value)
        else:
            serialize(self, serialized, value, shape, key)

    patch.setattr(BaseJSONSerializer, "_serialize_type_structure", serialize_structure)


def _copy_but_tables(value: Any) -> Any:
    return value if isinstance(value, Table) else copy.deepcopy(value)


def _snapshot(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> Restore:
    """How to put back what a transaction names: its items, in their partitions, and the streams."""
    partitions: dict[tuple[str, DynamoType], dict[DynamoType, Any]] = {}
    streams: list[tuple[StreamShard, int]] = []
    for part in transact_items:
        ((_, operation),) = part.items()
        table = backend.get_table(operation["TableName"])
        key = operation.get("Key") or operation["Item"]
        hash_key, range_key = (DynamoType(key[name]) for name in table.table_key_attrs)
        partition = partitions.setdefault(
            (table.name, hash_key), dict(table.items.get(hash_key, {}))
        )
        if range_key in partition:
            partition[range_key] = copy.deepcopy(partition[range_key])
        if table.stream_shard:
            streams.append((table.stream_shard, len(table.stream_shard.items)))

    def restore() -> None:
        for (name, hash_key), partition in partitions.items():
            backend.tables[name].items[hash_key] = partition
        for stream, records in streams:
            del stream.items[records:]

    return restore


def _wire(serializer: BaseJSONSerializer, value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "M":
            content = {key: _wire(serializer, inner) for key, inner in content.items()}
        case "L":
            content = [_wire(serializer, inner) for inner in content]
        case "B":
            content = serializer._base64(content)
        case "BS":
            content = [serializer._base64(inner) for inner in content]
    return {kind: content}
