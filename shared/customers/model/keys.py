"""What a person is found by: identifiers, and blocking keys for those who share none.

Keys are keyed hashes (HMAC), so that the table's keys do not tell who it is.
"""

import hashlib
import hmac

from shared.customers.model.alike import soundex
from shared.customers.model.normal import junk
from shared.customers.model.person import IDENTIFIERS, RecordKey, SourceRecord
from shared.customers.model.score import house, plain, traits

HASH_LENGTH = 32
MOST_KEYS = 8

Found = tuple[str, str]
"""What a key is of: the name of an identifier or of a kind of block, and the value."""


def found_by(record: SourceRecord) -> list[Found]:
    """At most MOST_KEYS: every identifier that is none of those typed to get on, then blocks."""
    ids = [found for found in record.identifiers.items() if not junk(found[1])]
    return [*ids, *blocks(record)[: MOST_KEYS - len(ids)]]


def blocks(record: SourceRecord) -> list[Found]:
    """Values that records of one person often have in common, the most telling first.

    Names by their sound, given and family name in either order; dates with and without the year.
    """
    found = traits(record)
    given, surname = soundex(found.given), soundex(found.surname)
    names = "".join(sorted((given, surname))) if given and surname else ""
    phone = found.identifiers.get("phone", "")
    street = soundex(_first_letters(found.street))
    made = {
        "born+surname": (found.born, surname),
        "surname+postcode": (surname, found.postal_code),
        "names": (names, found.region or "-"),
        "names+area": (names, phone[:-6]),
        "surname+phone": (surname, phone[-6:]),
        "house": (found.number, street),
        "born+given": (found.born, given),
        "given+postcode": (given, found.postal_code),
        "birthday+postcode": (found.born[5:], found.postal_code),
        "city+street": (soundex(found.city), street),
    }
    return [(kind, "\n".join(parts)) for kind, parts in made.items() if all(parts)]


def household(record: SourceRecord) -> str:
    """The house that the record is of, '' when it does not say: where people live together, never
    a reason to be one person."""
    address = record.address
    if not address.line1 or not address.postal_code:
        return ""
    number, street = house(address.line1)
    return "\n".join((number, street, plain(address.postal_code))) if street else ""


def _first_letters(street: str) -> str:
    return "".join(c for c in street if c.isascii() and c.isalpha())[:6]


def is_block(found: Found) -> bool:
    return found[0] not in IDENTIFIERS


def hashed(secret: bytes, kind: str, value: str) -> str:
    """128 bits of HMAC-SHA256 over the kind and the normalised value, in hex."""
    message = f"{kind}\n{value}".encode()
    return hmac.digest(secret, message, hashlib.sha256).hex()[:HASH_LENGTH]


def record_key(secret: bytes, source: str, source_id: str, life: int = 0) -> RecordKey:
    """``life`` counts how often the person behind the record has been erased: who comes back under
    the same id begins anew, and shares nothing with what is being taken away."""
    kind = f"record {source}" if life == 0 else f"life {life} of record {source}"
    return f"{source}#{hashed(secret, kind, source_id)}"


def identifier_key(secret: bytes, name: str, value: str) -> str:
    return f"{name}#{hashed(secret, name, value)}"
