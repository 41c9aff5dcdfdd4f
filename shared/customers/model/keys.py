"""The keys by which a person is found: identifiers, and blocking keys for records without any.

Stored keys are keyed hashes (HMAC), so that the table's keys do not reveal anybody.
"""

import hashlib
import hmac

from shared.customers.model.normalize import is_placeholder
from shared.customers.model.person import IDENTIFIERS, RecordKey, SourceRecord
from shared.customers.model.score import alphanumeric, split_house_number, traits
from shared.customers.model.similarity import soundex

HASH_LENGTH = 32
MAX_KEYS = 8

LookupKey = tuple[str, str]
"""(name of an identifier or kind of blocking key, value)."""


def lookup_keys(record: SourceRecord) -> list[LookupKey]:
    """At most MAX_KEYS keys: all identifiers except placeholder values, then blocking keys."""
    ids = [key for key in record.identifiers.items() if not is_placeholder(key[1])]
    return [*ids, *blocking_keys(record)[: MAX_KEYS - len(ids)]]


def blocking_keys(record: SourceRecord) -> list[LookupKey]:
    """The blocking keys of a record: values that records of one person often share, the most
    selective first.

    Names count by their sound, given and family name in either order; dates with and without the
    year.
    """
    own = traits(record)
    given, surname = soundex(own.given), soundex(own.surname)
    names = "".join(sorted((given, surname))) if given and surname else ""
    phone = own.identifiers.get("phone", "")
    street = soundex(_first_letters(own.street))
    values = {
        "born+surname": (own.born, surname),
        "surname+postcode": (surname, own.postal_code),
        "names": (names, own.region or "-"),
        "names+area": (names, phone[:-6]),
        "surname+phone": (surname, phone[-6:]),
        "house": (own.number, street),
        "born+given": (own.born, given),
        "given+postcode": (given, own.postal_code),
        "birthday+postcode": (own.born[5:], own.postal_code),
        "city+street": (soundex(own.city), street),
    }
    return [(kind, "\n".join(parts)) for kind, parts in values.items() if all(parts)]


def household_address(record: SourceRecord) -> str:
    """The address that defines the record's household; '' without one. Living together is never
    evidence that two records are one person."""
    address = record.address
    if not address.line1 or not address.postal_code:
        return ""
    number, street = split_house_number(address.line1)
    return "\n".join((number, street, alphanumeric(address.postal_code))) if street else ""


def _first_letters(street: str) -> str:
    return "".join(c for c in street if c.isascii() and c.isalpha())[:6]


def is_blocking_key(key: LookupKey) -> bool:
    return key[0] not in IDENTIFIERS


def keyed_hash(secret: bytes, kind: str, value: str) -> str:
    """128 bits of HMAC-SHA256 over the kind and the normalized value, in hex."""
    message = f"{kind}\n{value}".encode()
    return hmac.digest(secret, message, hashlib.sha256).hex()[:HASH_LENGTH]


def record_key(secret: bytes, source: str, source_id: str, life: int = 0) -> RecordKey:
    """``life`` counts how often the person behind the record was erased. Somebody who returns under
    the same source id gets a new key, unrelated to the data being erased."""
    kind = f"record {source}" if life == 0 else f"life {life} of record {source}"
    return f"{source}#{keyed_hash(secret, kind, source_id)}"


def identifier_key(secret: bytes, name: str, value: str) -> str:
    return f"{name}#{keyed_hash(secret, name, value)}"
