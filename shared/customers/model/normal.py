"""Identifiers as they are compared: two spellings of one value become the same text.

Raises ValueError, with a message that does not repeat the value, when a text is no such identifier.
"""

import re

import phonenumbers

JUNK = re.compile(
    r"""
      (none|noone|nobody|no-?reply|noemail|na|unknown|anonymous|null)@.*
    | .*@(none|test|noemail|nomail)\.(com|org|net)
    | \+\d{0,3}?(?P<digit>\d)(?P=digit){6,}
    | \+\d{0,3}?0?(123456789\d?|987654321\d?)
    | [0-]*|-1|null|none|unknown|anonymous|n/?a|undefined
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What people type when they are made to type something: it is kept, and never a reason to link."""


def email(text: str) -> str:
    """Syntax and IDN by email-validator, lower case; nothing is looked up in the DNS.

    ``.test`` names are let through: they never reach anybody, and stages are seeded with them.
    """
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 (slow to load)

    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("this is not an email address") from None
    return found.normalized.lower()


def phone(text: str, country: str | None = None) -> str:
    """E.164. A number without a country code is read as one of ``country`` (ISO 3166 alpha-2).

    Only its length is judged: numbering plans change faster than libraries.
    """
    try:
        number = phonenumbers.parse(text.strip(), country)
    except phonenumbers.NumberParseException:
        hint = "" if country else "; without an address it needs its country code, as in +1..."
        raise ValueError(f"this is not a phone number{hint}") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("this is not a phone number of that country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def loyalty_id(text: str) -> str:
    """Upper case without spaces and hyphens, as it is printed in more than one way."""
    found = re.sub(r"[\s-]+", "", text).upper()
    if not found:
        raise ValueError("a loyalty id has at least one character")
    return found


def opaque(text: str) -> str:
    """A device id or payment token: compared as it is."""
    found = text.strip()
    if not found:
        raise ValueError("it is empty")
    return found


def contact(text: str, country: str | None = None) -> str:
    """A contact point of a consent: an email address, a phone number, or as it is."""
    if "@" in text:
        return email(text)
    if re.fullmatch(r"\s*\+?[\d\s().-]{6,}", text):
        return phone(text, country)
    return opaque(text)


def identifier(name: str, text: str, country: str | None = None) -> str:
    """``text`` as the identifier ``name`` (of model.IDENTIFIERS) is compared."""
    match name:
        case "email":
            return email(text)
        case "phone":
            return phone(text, country)
        case "loyalty_id":
            return loyalty_id(text)
        case _:
            return opaque(text)


def junk(value: str) -> bool:
    return JUNK.fullmatch(value) is not None
