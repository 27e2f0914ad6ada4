"""One-time links sign operators in: each works once, for ten minutes."""

from consoles import Console
from tenants import MovableClock
from videobroker.broker import Broker
from videobroker.domain.operators import OperatorIdentity, OperatorRole
from videobroker.usecases.operations import sign_in_links

PATH = "/console/link"


async def new_token(broker: Broker, role: OperatorRole = OperatorRole.ADMIN) -> str:
    path = await sign_in_links.create(broker, OperatorIdentity("Olive", role), now=broker.now())
    assert path.startswith(f"{PATH}#")
    return path.partition("#")[2]


async def test_a_link_signs_in_once(broker: Broker, signed_out: Console) -> None:
    token = await new_token(broker, OperatorRole.SUPPORT)
    form = await signed_out.get(PATH)
    assert (form.status_code, "data-sign-in-link" in form.text) == (200, True)
    done = await signed_out.client.post(PATH, data={"token": token, "zone": "Europe/Berlin"})
    assert (done.status_code, done.headers["location"]) == (303, "/console")
    page = (await signed_out.get("/console")).text
    assert "Olive" in page
    assert "Support</span>" in page
    signed_out.client.cookies.clear()
    again = await signed_out.client.post(PATH, data={"token": token})
    assert (again.status_code, "sign_in_link_invalid" in again.text) == (403, True)
    assert (await signed_out.get("/console")).status_code == 303


async def test_a_pasted_url_works_too(broker: Broker, signed_out: Console) -> None:
    token = await new_token(broker)
    done = await signed_out.client.post(PATH, data={"token": f" https://video.example{PATH}#{token} "})
    assert done.status_code == 303


async def test_a_link_ends_after_ten_minutes(broker: Broker, signed_out: Console, clock: MovableClock) -> None:
    token = await new_token(broker)
    clock.move(minutes=10)
    assert (await signed_out.client.post(PATH, data={"token": token})).status_code == 403


async def test_other_tokens_and_other_sites_are_refused(broker: Broker, signed_out: Console) -> None:
    token = await new_token(broker)
    for wrong in ("", "x", token[:-1], "x" * 500):
        assert (await signed_out.client.post(PATH, data={"token": wrong})).status_code == 403
    foreign = await signed_out.client.post(PATH, data={"token": token}, headers={"origin": "https://evil.example"})
    assert (foreign.status_code, "request_forged" in foreign.text) == (403, True)
    assert (await signed_out.client.post(PATH, data={"token": token})).status_code == 303
