"""Packing slips and pick lists as PDF, in the language of their location."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from shared.addresses import Address
from shared.carriers import paper
from shared.locations.model import Language, Location
from shared.orders.model import UNPICKED, Fulfillment, Order
from shared.orders.model.waves import Stop, Tote, Wave
from shared.orders.store import PickRow

Titles = Mapping[str, str]
"""The titles of products by SKU."""

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "packing_slip": "Packing slip",
        "pick_list": "Pick list",
        "order": "Order",
        "placed": "Placed",
        "ship_to": "Ship to",
        "from": "From",
        "sku": "SKU",
        "article": "Article",
        "units": "Units",
        "total": "Total units",
        "due": "Due",
        "parcel": "Parcel",
        "nothing": "Nothing to pick.",
        "bin": "Bin",
        "totes": "Totes",
        "tote": "Tote",
    },
    "de": {
        "packing_slip": "Lieferschein",
        "pick_list": "Pickliste",
        "order": "Bestellung",
        "placed": "Bestellt am",
        "ship_to": "Lieferadresse",
        "from": "Absender",
        "sku": "Artikelnr.",
        "article": "Artikel",
        "units": "Stück",
        "total": "Stück gesamt",
        "due": "Fällig",
        "parcel": "Paket",
        "nothing": "Nichts zu kommissionieren.",
        "bin": "Lagerplatz",
        "totes": "Behälter",
        "tote": "Behälter",
    },
    "fr": {
        "packing_slip": "Bon de livraison",
        "pick_list": "Liste de prélèvement",
        "order": "Commande",
        "placed": "Passée le",
        "ship_to": "Adresse de livraison",
        "from": "Expéditeur",
        "sku": "Référence",
        "article": "Article",
        "units": "Quantité",
        "total": "Quantité totale",
        "due": "Échéance",
        "parcel": "Colis",
        "nothing": "Rien à prélever.",
        "bin": "Emplacement",
        "totes": "Bacs",
        "tote": "Bac",
    },
    "es": {
        "packing_slip": "Albarán",
        "pick_list": "Lista de picking",
        "order": "Pedido",
        "placed": "Realizado el",
        "ship_to": "Dirección de envío",
        "from": "Remitente",
        "sku": "Referencia",
        "article": "Artículo",
        "units": "Unidades",
        "total": "Unidades en total",
        "due": "Vence",
        "parcel": "Paquete",
        "nothing": "Nada que recoger.",
        "bin": "Ubicación",
        "totes": "Cubetas",
        "tote": "Cubeta",
    },
}
MOST_ROWS = 100
"""Fulfillments on a pick list: about eight pages."""


def packing_slip(
    order: Order,
    part: Fulfillment,
    location: Location,
    recipient: Address | None,
    titles: Titles,
) -> bytes:
    """What is in the parcel, for the shopper; without prices, which a gift must not show."""
    words = WORDS[location.language]
    pdf = paper.new_document(words["packing_slip"], location.language)
    paper.text(pdf, words["packing_slip"], 18, bold=True)
    placed = order.placed_at.astimezone(ZoneInfo(location.time_zone))
    paper.text(pdf, f"{words['order']} {order.order_id}   {words['placed']} {placed:%Y-%m-%d}")
    paper.gap(pdf)
    paper.barcode(pdf, part.fulfillment_id, width=90)
    paper.rule(pdf)
    paper.text(pdf, words["from"], bold=True)
    town = " ".join(filter(None, (location.city, location.region, location.postal_code)))
    for line in (location.name, *location.lines, town, location.country):
        paper.text(pdf, line)
    if recipient is not None:
        paper.gap(pdf)
        paper.text(pdf, words["ship_to"], bold=True)
        for line in paper.address_lines(recipient):
            paper.text(pdf, line)
    paper.gap(pdf)
    rows = [(held.sku, titles.get(held.sku, ""), str(held.quantity)) for held in part.lines]
    paper.table(pdf, (words["sku"], words["article"], words["units"]), rows, (3, 6, 2))
    paper.gap(pdf)
    total = sum(held.quantity for held in part.lines)
    paper.text(pdf, f"{words['total']}: {total}", bold=True)
    return paper.bytes_of(pdf)


def pick_list(location: Location, picks: Sequence[PickRow], titles: Titles) -> bytes:
    """What the location has to pick, the most urgent parcel first, each with its barcode."""
    words = WORDS[location.language]
    pdf = paper.new_document(words["pick_list"], location.language)
    paper.text(pdf, f"{words['pick_list']}: {location.name}", 18, bold=True)
    zone = ZoneInfo(location.time_zone)
    if not picks:
        paper.text(pdf, words["nothing"])
    for pick in picks[:MOST_ROWS]:
        part = pick.fulfillment
        if pdf.get_y() > pdf.h - 60:
            pdf.add_page()
        paper.rule(pdf)
        due = part.ready_by or part.deadline
        when = f"   {words['due']} {due.astimezone(zone):%Y-%m-%d %H:%M}" if due else ""
        paper.text(pdf, f"{words['parcel']} {part.fulfillment_id}{when}", bold=True)
        paper.barcode(pdf, part.fulfillment_id, height=9, width=80)
        rows = [(held.sku, titles.get(held.sku, ""), str(held.quantity)) for held in part.lines]
        paper.table(pdf, (words["sku"], words["article"], words["units"]), rows, (3, 6, 2))
    return paper.bytes_of(pdf)


def wave_list(
    location: Location, wave: Wave, totes: Sequence[Tote], stops: Sequence[Stop], titles: Titles
) -> bytes:
    """The walk of a wave along the bins, then its totes, each with the barcode of its fulfillment.
    Only what is not picked yet."""
    words = WORDS[location.language]
    pdf = paper.new_document(words["pick_list"], location.language)
    paper.text(pdf, f"{words['pick_list']}: {location.name}", 18, bold=True)
    begun = wave.begun_at.astimezone(ZoneInfo(location.time_zone))
    paper.text(pdf, "   ".join(filter(None, (f"{begun:%Y-%m-%d %H:%M}", wave.assignee))))
    paper.barcode(pdf, wave.wave_id, height=9, width=80)
    rows = []
    for stop in stops:
        units = [row for row in stop.units if not row.picked]
        if units:
            article = titles.get(stop.sku, "")
            total = str(sum(row.quantity for row in units))
            each = ", ".join(f"{row.quantity} > {row.tote}" for row in units)
            rows.append((stop.bin_name or "-", stop.sku, article, total, each))
    if not rows:
        paper.text(pdf, words["nothing"])
        return paper.bytes_of(pdf)
    header = tuple(words[name] for name in ("bin", "sku", "article", "units", "totes"))
    paper.table(pdf, header, rows, (3, 3, 6, 2, 4))
    for tote in totes:
        if tote.part.state not in UNPICKED:
            continue
        if pdf.get_y() > pdf.h - 40:
            pdf.add_page()
        paper.rule(pdf)
        name = f"{words['tote']} {tote.number}   {words['parcel']} {tote.part.fulfillment_id}"
        paper.text(pdf, name, bold=True)
        paper.barcode(pdf, tote.part.fulfillment_id, height=9, width=80)
    return paper.bytes_of(pdf)
