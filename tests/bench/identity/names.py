"""People without any package: residents of made-up towns, and a register that has them misspelt.

What the tests stand on. FEBRL, which the benches are judged on, is not ours to ship.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import product

from tests.bench.identity.people import People, record, typo


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN = _words(
    """
    ada adam aisha alan alice amy andre anna anton asha ben bianca boris bruno carla cecil clara
    cyril dana daniel dario dora edgar edith elena eli emil emma erik esther eva fatima felix
    fiona frida gail georg gina grace hanna harun hector helga hugo ida igor imran irene isaac
    ivan jana jasper joan jonas judith jules karim kira klaus lara lena leon lida lorenz lucas
    lydia magda marco marta milan mira nadia nils nora olga oscar otto paula pedro petra quentin
    rafael rania rita robert rosa ruben sami sara selma sergio sofia stefan tamar theo tilda tom
    ulla umar vera victor wanda walter xenia yara yusuf zeno zoe
    """
)
STEMS = _words(
    """
    ab acker alb ander arn bach baum berg black blum boe brand brook carl clay cold cro dahl dal
    dorn eck edg fal feld fern fisch fox gar gold grim haas hal hart holm hor hunt isak jan kell
    kirch klein lamb lang lind lock mar mey mont mor neu nor oak ost park pet quin rab reed ros
    ruth sand schul silv stein strand sund tal thorn ull vald wein west win wood yar zim
    """
)
ENDINGS = _words(
    """
    son er man well ton ley ford field dorf berg en ins ski ova ell ard ick ow
    """
)
KINDS = ["street", "road", "lane", "avenue", "place", "crescent", "close"]
LAST = ["water", "haven", "bury", "side", "ham", "grove", "vale", "bridge"]
STATES = ["nsw", "vic", "qld", "wa"]


def residents(count: int, seed: int) -> Iterator[dict[str, str]]:
    """In the columns of FEBRL, strewn over a whole country: few live in the same street. A few
    surnames are much more frequent than the others."""
    rnd = random.Random(f"residents {seed}")
    surnames = [stem + ending for stem in STEMS for ending in ENDINGS]
    streets = [f"{name} {kind}" for name in surnames for kind in KINDS]
    towns = [
        (stem + last, f"{2000 + 7 * number}", STATES[number % 4])
        for number, (stem, last) in enumerate(product(STEMS, LAST))
    ]
    rnd.shuffle(surnames)
    for number in range(count):
        town, postcode, state = rnd.choice(towns)
        yield {
            "rec_id": f"n{number}",
            "given_name": rnd.choice(GIVEN),
            "surname": surnames[int(len(surnames) * rnd.random() ** 1.5)],
            "street_number": str(rnd.randint(1, 240)),
            "address_1": rnd.choice(streets),
            "address_2": "",
            "suburb": town,
            "postcode": postcode,
            "state": state,
            "date_of_birth": f"{rnd.randint(1930, 2005)}{rnd.randint(1, 12):02}"
            f"{rnd.randint(1, 28):02}",
        }


def register(seed: int, people: int) -> People:
    """Every second resident stands in it again: one to three fields mistyped or left out, or the
    names in the wrong order."""
    rnd = random.Random(f"register {seed}")
    rows: list[dict[str, str]] = []
    for row in residents(people, seed):
        copies = rnd.choices([0, 1, 2, 3], [50, 25, 15, 10])[0]
        for copy in range(copies + 1):
            told = _again(row, rnd) if copy else dict(row)
            rows.append({**told, "rec_id": f"r{len(rows)}", "person": row["rec_id"]})
    rnd.shuffle(rows)
    return People(
        records=tuple(record(row) for row in rows),
        person_of={row["rec_id"]: row["person"] for row in rows},
    )


def _again(row: Mapping[str, str], rnd: random.Random) -> dict[str, str]:
    told = dict(row)
    names = ["given_name", "surname", "street_number", "address_1", "suburb", "postcode"]
    for name in rnd.sample([*names, "date_of_birth"], rnd.randint(1, 3)):
        told[name] = "" if rnd.random() < 0.25 else typo(told[name], rnd)
    if rnd.random() < 0.05:
        told["given_name"], told["surname"] = told["surname"], told["given_name"]
    return told
