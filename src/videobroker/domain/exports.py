"""Files that operators export."""

from enum import StrEnum


class ExportContent(StrEnum):
    """What a file contains."""

    SESSIONS = "sessions"
    ATTENDANCE = "attendance"
    DELIVERIES = "deliveries"
    JOURNAL = "journal"


class ExportFormat(StrEnum):
    """The format of a file."""

    CSV = "csv"
    JSON_LINES = "json_lines"
