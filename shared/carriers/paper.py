"""Small PDFs with barcodes: the pages that other modules fill, and the label of the local carrier.

Helvetica is one of the fonts that every reader has, so that a page is a few KB. It has the Latin
characters of Windows-1252; others are written as their nearest Latin letters (Łódź: Lodz).

fpdf2 and python-barcode are imported when the first document is made: they take half a second.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from anyascii import anyascii

from shared.addresses import Address
from shared.carriers.model import Consignment, Label

if TYPE_CHECKING:
    from fpdf import FPDF

FONT = "helvetica"
FONT_ENCODING = "cp1252"
LABEL_MM = (101.6, 152.4)
"""4 x 6 inches, the label stock of thermal printers."""
MARGIN_MM = 8
NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)
"""The date in the files: the same input is the same bytes."""


def printable(text: str) -> str:
    """``text`` in the characters of the font, on one line."""
    line = " ".join(text.split())
    return "".join(
        char if _is_in_font(char) else anyascii(char).encode("ascii", "ignore").decode()
        for char in line
    )


def _is_in_font(char: str) -> bool:
    try:
        char.encode(FONT_ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def new_document(
    title: str, language: str, size: tuple[float, float] | Literal["A4"] = "A4"
) -> "FPDF":
    """An empty document with its first page."""
    from fpdf import FPDF  # noqa: PLC0415 (only the functions that make documents load it)

    pdf = FPDF(orientation="portrait", unit="mm", format=size)
    pdf.core_fonts_encoding = FONT_ENCODING
    pdf.set_creation_date(NO_DATE)
    pdf.set_title(printable(title))
    pdf.set_lang(language)
    pdf.set_margin(MARGIN_MM)
    pdf.set_auto_page_break(auto=True, margin=MARGIN_MM)
    pdf.add_page()
    return pdf


def bytes_of(pdf: "FPDF") -> bytes:
    return bytes(pdf.output())


def text(pdf: "FPDF", words: str, size: float = 10, *, bold: bool = False) -> None:
    """A line of text; a long one is wrapped."""
    pdf.set_font(FONT, "B" if bold else "", size)
    pdf.multi_cell(0, size * 0.45, printable(words), new_x="LMARGIN", new_y="NEXT")


def gap(pdf: "FPDF", mm: float = 3) -> None:
    pdf.set_y(pdf.get_y() + mm)


def rule(pdf: "FPDF") -> None:
    """A horizontal line."""
    y = pdf.get_y() + 1.5
    pdf.line(MARGIN_MM, y, pdf.w - MARGIN_MM, y)
    pdf.set_y(y + 1.5)


def barcode(pdf: "FPDF", content: str, height: float = 16, width: float | None = None) -> None:
    """``content`` as Code 128 (ISO/IEC 15417) across the page, with the text below."""
    from barcode.codex import Code128  # noqa: PLC0415

    modules = Code128(content).build()[0]
    quiet = 10  # modules of white on both sides, as the standard requires
    across = pdf.epw if width is None else width
    module = across / (len(modules) + 2 * quiet)
    x, y = MARGIN_MM + quiet * module, pdf.get_y()
    start = 0
    while start < len(modules):
        end = start
        while end < len(modules) and modules[end] == modules[start]:
            end += 1
        if modules[start] == "1":
            pdf.rect(x + start * module, y, (end - start) * module, height, style="F")
        start = end
    pdf.set_y(y + height + 1)
    pdf.set_font(FONT, "", 9)
    pdf.cell(across, 4, printable(content), align="C", new_x="LMARGIN", new_y="NEXT")


def table(
    pdf: "FPDF", header: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[int]
) -> None:
    """Rows below a header, which is repeated on each page. ``shares`` are the relative widths."""
    pdf.set_font(FONT, "", 9)
    with pdf.table(
        col_widths=tuple(shares),
        line_height=5,
        padding=1,
        first_row_as_headings=True,
        text_align="LEFT",
    ) as cells:
        for row in (header, *rows):
            cells.row([printable(cell) for cell in row])


def address_lines(address: Address) -> list[str]:
    """The lines of an address on a label."""
    town = " ".join(filter(None, (address.city, address.region, address.postal_code)))
    lines = [address.name, address.company, *address.lines, town, address.country]
    return [line for line in lines if line]


def label(made: Label, consignment: Consignment) -> bytes:
    """The label of the local carrier, 4 x 6 inches."""
    pdf = new_document(made.tracking, "en", LABEL_MM)
    text(pdf, f"{made.carrier}  {made.service or ''}".upper(), 16, bold=True)
    rule(pdf)
    for line in address_lines(consignment.sender):
        text(pdf, line, 8)
    gap(pdf, 6)
    for line in address_lines(consignment.recipient):
        text(pdf, line, 13, bold=True)
    rule(pdf)
    text(pdf, f"{consignment.package.grams / 1000:.2f} kg   {consignment.reference}", 9)
    gap(pdf)
    barcode(pdf, made.tracking, 28)
    return bytes_of(pdf)
