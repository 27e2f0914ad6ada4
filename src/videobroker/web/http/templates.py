"""Jinja environments for the HTML pages."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined


def template_environment(package: str, *, extensions: Sequence[str] = ()) -> Environment:
    """Loads templates from the folder `templates` of the package. All values are escaped; missing ones are errors."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=extensions,
    )
