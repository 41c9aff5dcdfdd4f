"""Normalize identifiers, so that two spellings of one value become the same text.

Raises ValueError when a text is not an identifier of its kind; the message does not contain the
text.
"""

import re

import phonenumbers

PLACEHOLDERS = re.compile(
    r"""
      (none|noone|nobody|no-?reply|noemail|na|unknown|anonymous|null)@.*
    | .*@(none|test|noemail|nomail)\.(com|org|net)
    | \+\d{0,3}?(?P<digit>\d)(?P=digit){6,}
    | \+\d{0,3}?0?(123456789\d?|987654321\d?)
    | [0-]*|-1|null|none|unknown|anonymous|n/?a|undefined
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Placeholder values that people type into required fields. They are stored, but never link."""


def email(text: str) -> str:
    """Lower case; syntax and IDN are checked by email-validator, without a DNS lookup.

    ``.test`` domains are accepted: nobody receives mail there, and stages are seeded with them.
    """
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 (slow to load)

    try:
        address = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("this is not an email address") from None
    return address.normalized.lower()


def phone(text: str, country: str | None = None) -> str:
    """E.164. A number without a country code is read as a number of ``country`` (ISO 3166 alpha-2).

    Only the length is checked, because numbering plans change faster than libraries.
    """
    try:
        number = phonenumbers.parse(text.strip(), country)
    except phonenumbers.NumberParseException:
        hint = "" if country else "; without an address, give the country code, as in +1..."
        raise ValueError(f"this is not a phone number{hint}") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("this phone number is too long or too short for its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def loyalty_id(text: str) -> str:
    """Upper case without spaces and hyphens, which printed cards place differently."""
    normalized = re.sub(r"[\s-]+", "", text).upper()
    if not normalized:
        raise ValueError("a loyalty id has at least one character")
    return normalized


def opaque(text: str) -> str:
    """A device id or payment token, unchanged except for outer whitespace."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("the value is empty")
    return stripped


def contact(text: str, country: str | None = None) -> str:
    """The contact point of a consent: an email address, a phone number, or an opaque value."""
    if "@" in text:
        return email(text)
    if re.fullmatch(r"\s*\+?[\d\s().-]{6,}", text):
        return phone(text, country)
    return opaque(text)


def identifier(name: str, text: str, country: str | None = None) -> str:
    """``text`` normalized as the identifier ``name`` (one of person.IDENTIFIERS)."""
    match name:
        case "email":
            return email(text)
        case "phone":
            return phone(text, country)
        case "loyalty_id":
            return loyalty_id(text)
        case _:
            return opaque(text)


def is_placeholder(value: str) -> bool:
    return PLACEHOLDERS.fullmatch(value) is not None
