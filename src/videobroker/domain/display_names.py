"""Display names: what the others in a call see."""

GUEST_MARK = " (guest)"


def mark_guest_name(name: str) -> str:
    """The name of a person without a registration, marked because it is not verified."""
    return name if name.endswith(GUEST_MARK) else f"{name}{GUEST_MARK}"
