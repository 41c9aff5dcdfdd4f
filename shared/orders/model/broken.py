"""What is raised when an order or a transfer breaks a law."""


class LawBroken(AssertionError):
    """An order that makes or loses units. This is a defect of NoRain; such an order is never
    stored."""
