"""The branding of an app: changes are validated, stored, and journaled."""

import asyncio
from dataclasses import replace

import pytest

from tenants import Tenant
from videobroker.domain.branding import NO_BRANDING, Branding
from videobroker.errors import InvalidInput
from videobroker.usecases import branding, tenants

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20)
SHOP = Branding(display_name="Shop", color="#1a3f8b", return_url="https://shop.example/{reference}")


async def test_a_change_is_stored_and_journaled(tutoring: Tenant) -> None:
    now = tutoring.broker.now()
    changed = await branding.change_branding(tutoring.broker, tutoring.app, SHOP, now=now)
    await branding.change_branding(tutoring.broker, changed, SHOP, now=now)
    assert changed.branding == SHOP
    assert await tenants.find_app(tutoring.broker, tutoring.app.name) == changed
    (event,) = await tutoring.events("app_settings.changed")
    assert event["data"] == {
        "via": "command_line",
        "changes": {
            "branding.color": {"before": None, "after": "#1a3f8b"},
            "branding.display_name": {"before": None, "after": "Shop"},
            "branding.return_url": {"before": None, "after": "https://shop.example/{reference}"},
        },
    }
    await branding.change_branding(tutoring.broker, changed, replace(SHOP, display_name=None), now=now)
    assert (await branding.find_branding(tutoring.broker, tutoring.app.id)) == replace(SHOP, display_name=None)


async def test_an_invalid_value_changes_nothing(tutoring: Tenant) -> None:
    now = tutoring.broker.now()
    with pytest.raises(InvalidInput, match="such as #1a73e8"):
        await branding.change_branding(tutoring.broker, tutoring.app, replace(SHOP, color="red"), now=now)
    with pytest.raises(InvalidInput, match="PNG, JPEG, or WebP"):
        await branding.set_logo(tutoring.broker, tutoring.app, b"<svg/>", now=now)
    assert await branding.find_branding(tutoring.broker, tutoring.app.id) == NO_BRANDING
    assert await tutoring.events("app_settings.changed") == []


async def test_a_logo_is_stored_apart_and_survives_other_changes(tutoring: Tenant) -> None:
    now = tutoring.broker.now()
    with_logo = await branding.set_logo(tutoring.broker, tutoring.app, PNG, now=now)
    logo = with_logo.branding.logo
    assert logo is not None
    assert await branding.find_logo(tutoring.broker, tutoring.app.id, logo.digest) == (logo, PNG)
    changed = await branding.change_branding(tutoring.broker, tutoring.app, SHOP, now=now)
    assert changed.branding == replace(SHOP, logo=logo)
    newer = await branding.set_logo(tutoring.broker, changed, PNG + b"\0", now=now)
    assert newer.branding.logo not in {None, logo}
    assert await branding.find_logo(tutoring.broker, tutoring.app.id, logo.digest) is None
    without = await branding.set_logo(tutoring.broker, newer, None, now=now)
    assert without.branding == SHOP
    *_, last = await tutoring.events("app_settings.changed")
    assert last["data"]["changes"]["branding.logo"]["after"] is None


async def test_concurrent_changes_of_branding_and_logo_lose_nothing(tutoring: Tenant) -> None:
    now = tutoring.broker.now()
    await asyncio.gather(
        branding.change_branding(tutoring.broker, tutoring.app, SHOP, now=now),
        branding.set_logo(tutoring.broker, tutoring.app, PNG, now=now),
    )
    found = await branding.find_branding(tutoring.broker, tutoring.app.id)
    assert found is not None
    assert (found.display_name, found.logo is not None) == ("Shop", True)
