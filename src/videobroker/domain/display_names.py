"""Display names of guests."""

GUEST_MARK = " (guest)"


def mark_guest_name(name: str) -> str:
    """The name with `GUEST_MARK`, because nothing verifies a guest's name. Idempotent."""
    return name if name.endswith(GUEST_MARK) else f"{name}{GUEST_MARK}"
