"""Purchases of carriers' labels: table ``orders``, and the documents in a bucket.

    pk ORDER#<order_id>   sk LABEL#<reference>   one purchase; the reference is <fulfillment>.<n>

A purchase is noted before it is made: first who buys (``begin``), then what (``note_rate``). After
a fault the next buyer, at the earliest after LEASE, knows the rate and looks the purchase up at the
provider. The document contains an address: it expires after 30 days, and an erasure deletes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws import s3
from shared.aws.expression import Update
from shared.aws.settings import setting
from shared.carriers.model import Label, LabelFormat
from shared.instants import rfc3339
from shared.orders.store.keys import order_of_fulfillment, orders_table
from shared.stored import from_row

LEASE = timedelta(minutes=2)
"""Longer than the API's function runs: by then the buyer has ended."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
KEPT_DAYS = 180
MEDIA: Mapping[LabelFormat, str] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "zpl": "application/zpl",
}


@dataclass(frozen=True, slots=True)
class Purchase:
    """``since`` is when the buyer began; ``rate_id`` what is bought, once that is chosen; ``label``
    what was bought, without its document."""

    reference: str
    since: datetime
    rate_id: str | None = None
    label: Label | None = None


def reference_of(fulfillment_id: str, number: int) -> str:
    """The name of the ``number``-th label of a fulfillment, for providers as well."""
    return f"{fulfillment_id}.{number}"


def _key(reference: str) -> tuple[str, str]:
    order_id = order_of_fulfillment(reference.rpartition(".")[0])
    return f"ORDER#{order_id}", f"LABEL#{reference}"


def find_purchase(reference: str) -> Purchase | None:
    """The purchase (strongly consistent)."""
    item = tables.get(orders_table(), *_key(reference), consistent=True)
    return _purchase_of(item) if item else None


def begin(reference: str, now: datetime, before: Purchase | None) -> Purchase | None:
    """Become the buyer, when nobody is or the one of ``before`` has had LEASE. None when somebody
    else was faster."""
    pk, sk = _key(reference)
    update = Update()
    update.set("since", rfc3339(now))
    update.set("purchase", reference)
    update.set("ttl", int((now + timedelta(days=KEPT_DAYS)).timestamp()))
    if before is None:
        # Holds while nobody has begun.
        update.require("attribute_not_exists(pk)")
    else:
        # Holds while no other buyer has begun, or ended, since the purchase was read.
        update.require("since = {}", rfc3339(before.since))
        update.require("attribute_not_exists(label)")
    if tables.write("update_item", **update.request(orders_table(), pk, sk)) is not None:
        return None
    return Purchase(reference, now, before.rate_id if before else None)


def is_free(purchase: Purchase | None, now: datetime) -> bool:
    """Whether somebody may begin: nobody has, or the buyer has ended without a label."""
    return purchase is None or purchase.since + LEASE <= now


def note_rate(purchase: Purchase, rate_id: str) -> bool:
    """Note what is about to be bought. False when the buyer has lost the lease."""
    update = Update()
    update.set("rate_id", rate_id)
    return _still_buyer(purchase, update)


def note_label(purchase: Purchase, label: Label, document: bytes) -> bool:
    """Store the document and the label that was bought. False when the buyer has lost the lease:
    the next one finds the same label at the provider. After an erasure the document goes again."""
    s3.put(
        setting("labels"),
        document_key(purchase.reference),
        document,
        ContentType=MEDIA[label.format],
    )
    update = Update()
    update.set("label", _plain(label))
    if _still_buyer(purchase, update):
        return True
    if find_purchase(purchase.reference) is None:
        delete_documents([purchase.reference])
    return False


def let_go(purchase: Purchase, *, forget_rate: bool) -> None:
    """End a purchase that failed, so that the next buyer need not wait. ``forget_rate`` when the
    provider has refused: nothing was bought."""
    update = Update()
    update.set("since", rfc3339(NEVER))
    if forget_rate:
        update.remove("rate_id")
    _still_buyer(purchase, update)


def _still_buyer(purchase: Purchase, update: Update) -> bool:
    # Holds while the buyer has the lease, and the person was not erased.
    update.require("since = {}", rfc3339(purchase.since))
    pk, sk = _key(purchase.reference)
    return tables.write("update_item", **update.request(orders_table(), pk, sk)) is None


def document_key(reference: str) -> str:
    """Where the document of a purchase is in the bucket."""
    order_id = order_of_fulfillment(reference.rpartition(".")[0])
    return f"{order_id}/{reference}"


def document(reference: str) -> bytes | None:
    """The document of a label; None when it has expired or was erased."""
    return s3.get(setting("labels"), document_key(reference))


def delete_documents(references: list[str]) -> None:
    """Delete the documents of these purchases, for an erasure."""
    for reference in references:
        s3.delete(setting("labels"), document_key(reference))


def delete_purchase(reference: str) -> None:
    """Delete a purchase and its document."""
    delete_documents([reference])
    tables.write("delete_item", TableName=orders_table(), Key=tables.key(*_key(reference)))


def _plain(label: Label) -> dict[str, Any]:
    fields = {
        "label_id": label.label_id,
        "carrier": label.carrier,
        "tracking": label.tracking,
        "amount": label.amount,
        "currency": label.currency,
        "format": label.format,
        "service": label.service,
        "tracking_url": label.tracking_url,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _purchase_of(item: Mapping[str, Any]) -> Purchase:
    stored = item.get("label")
    return Purchase(
        item["purchase"],
        datetime.fromisoformat(item["since"]),
        item.get("rate_id"),
        from_row(Label, {**stored, "document": b""}) if stored else None,
    )
