"""How long each state of an order may last, before somebody acts on it (deadlines.py)."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long each state may last before ``act_on_deadlines`` acts on it."""

    accept: timedelta = timedelta(minutes=30)
    """The opening time in which a location must answer an offer."""
    work: timedelta = timedelta(hours=24)
    """From acceptance to hand-over, when no earlier date is promised."""
    warning: timedelta = timedelta(minutes=30)
    """How long before ``ready_by`` the location is reminded."""
    escalate: timedelta = timedelta(hours=4)
    """Between two reminders to a late location. After ``patience`` reminders the units are routed
    elsewhere, or are an exception when they are picked."""
    patience: int = 4
    exception: timedelta = timedelta(days=1)
    """Between two reports of picked units that are not handed over."""
    collect: timedelta = timedelta(days=7)
    retry: timedelta = timedelta(minutes=30)
    """Between the first attempts to find stock for unassigned units, and between two reminders of a
    pickup offer, which no other location can take."""
    restock: timedelta = timedelta(hours=6)
    """The longest time between two attempts; also that for backorders without announced supply."""
    payment: timedelta = timedelta(days=3)
    """How long an order waits for its payment."""
    consent: timedelta = timedelta(minutes=30)
    """How long the shopper has to agree to a substitute."""
    unreported: timedelta = timedelta(days=3)
    """From the promised delivery of a parcel until somebody asks the carrier about it."""
    give_up: timedelta = timedelta(days=2)
    give_up_backorder: timedelta = timedelta(days=30)


TIME_LIMITS = TimeLimits()
