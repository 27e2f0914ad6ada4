"""Texts of errors that pages show in the language of the person.

The API, the command line, and the logs are in English. The console translates the template of a text with its catalog,
and fills in the values.
"""

from collections.abc import Mapping
from typing import Self


class TranslatableText(str):
    """A text in English that knows the template from which it was made, such as `At most %(maximum)s origins.`"""

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """The template with these values. A literal percent sign is `%%`."""
        text = super().__new__(cls, template % values)
        text.template, text.values = template, values
        return text

    def __str__(self) -> Self:
        """The text itself, so that `str(error)` of an exception with a translatable text is one, too."""
        return self
