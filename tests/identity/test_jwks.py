"""JSON Web Key Sets (RFC 7517): which of the published keys verify a user token."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.user_tokens import Algorithm, TokenRules
from videobroker.errors import IdentityUnavailable, UserTokenInvalid
from videobroker.identity.jwks import (
    MAX_KEY_SET_BYTES,
    MAX_KEYS,
    MAX_KEYS_TRIED,
    REFRESH_INTERVAL,
    JwksCache,
    parse_key_set,
)
from videobroker.identity.user_tokens import JwtVerifier

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
ISSUER = "https://id.example"
RULES = TokenRules(jwks_url="https://id.example/keys", issuer=ISSUER)

Jwk = dict[str, Any]
RSA_KEY, OTHER_RSA_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC_KEY, OTHER_EC_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ED_KEY = ed25519.Ed25519PrivateKey.generate()
ALGORITHMS: dict[type, tuple[str, Any]] = {
    rsa.RSAPrivateKey: ("RS256", jwt.algorithms.RSAAlgorithm),
    ec.EllipticCurvePrivateKey: ("ES256", jwt.algorithms.ECAlgorithm),
    ed25519.Ed25519PrivateKey: ("EdDSA", jwt.algorithms.OKPAlgorithm),
    ed448.Ed448PrivateKey: ("EdDSA", jwt.algorithms.OKPAlgorithm),
}


def family(key: Any) -> tuple[str, Any]:
    return next(found for kind, found in ALGORITHMS.items() if isinstance(key, kind))


def public(key: Any, **members: Any) -> Jwk:
    """The public key as a JWK with these members; None omits a member."""
    jwk = json.loads(family(key)[1].to_jwk(key.public_key())) | members
    return {name: value for name, value in jwk.items() if value is not None}


def private(key: Any, **members: Any) -> Jwk:
    jwk: Jwk = json.loads(family(key)[1].to_jwk(key))
    return jwk | members


def token(key: Any, *, kid: str | None = None, algorithm: str | None = None, **claims: Any) -> str:
    body = {"sub": "ada", "iss": ISSUER, "iat": NOW.timestamp(), "exp": NOW.timestamp() + 600} | claims
    return jwt.encode(body, key, algorithm=algorithm or family(key)[0], headers={"kid": kid} if kid else None)


class Publisher:
    """An identity provider that publishes these keys."""

    def __init__(self) -> None:
        self.keys: Sequence[object] = []
        self.requests = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return httpx.Response(200, json={"keys": self.keys})


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def user_tokens(publisher: Publisher) -> AsyncIterator[JwtVerifier]:
    tokens = JwtVerifier(JwksCache(httpx.MockTransport(publisher)))
    yield tokens
    await tokens.aclose()


async def accepts(user_tokens: JwtVerifier, bearer: str, now: datetime = NOW) -> bool:
    try:
        return (await user_tokens.verify(RULES, bearer, now)).user_id == "ada"
    except UserTokenInvalid:
        return False


# --- Key sets of identity providers -----------------------------------------------------------------------------------


def certificate(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate as in `x5c`: base64, not base64url."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "id.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def auth0() -> list[Jwk]:
    return [
        public(
            RSA_KEY, key_ops=None, kid="NkFCNEE1", use="sig", alg="RS256", x5t="NkFCNEE1", x5c=[certificate(RSA_KEY)]
        ),
        public(OTHER_RSA_KEY, key_ops=None, kid="UVc0RTdF", use="sig", alg="RS256", x5t="UVc0", x5c=["AA=="]),
    ]


def keycloak() -> list[Jwk]:
    return [
        public(OTHER_RSA_KEY, key_ops=None, kid="enc-1", use="enc", alg="RSA-OAEP", x5c=["AA=="]),
        public(RSA_KEY, key_ops=None, kid="sig-1", use="sig", alg="RS256", x5c=[certificate(RSA_KEY)]),
        public(EC_KEY, key_ops=None, kid="sig-2", use="sig", alg="ES256"),
        public(ED_KEY, key_ops=None, kid="sig-3", use="sig", alg="EdDSA"),
        {"kty": "OKP", "crv": "X25519", "kid": "enc-2", "use": "enc", "alg": "ECDH-ES", "x": "AAAA"},
    ]


def entra_id() -> list[Jwk]:
    """Microsoft's key set: no `alg`, and proprietary members."""
    extra = {
        "cloud_instance_name": "microsoftonline.com",
        "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
    }
    return [
        public(OTHER_RSA_KEY, key_ops=None, kid="-KI3Q9nN", use="sig", x5t="-KI3Q9nN", x5c=["AA=="], **extra),
        public(RSA_KEY, key_ops=None, kid="GvnPApfW", use="sig", x5t="GvnPApfW", x5c=[certificate(RSA_KEY)], **extra),
    ]


def google() -> list[Jwk]:
    return [
        public(RSA_KEY, key_ops=None, alg="RS256", kid="c1d2e3", use="sig"),
        public(OTHER_RSA_KEY, key_ops=None, alg="RS256", kid="a9b8c7", use="sig"),
    ]


def cognito() -> list[Jwk]:
    return [
        public(OTHER_RSA_KEY, key_ops=None, alg="RS256", kid="id/token+kid=", use="sig"),
        public(RSA_KEY, key_ops=None, alg="RS256", kid="access/token+kid=", use="sig"),
    ]


def okta() -> list[Jwk]:
    return [public(RSA_KEY, key_ops=None, alg="RS256", kid="Vx9k_-", use="sig")]


def supabase() -> list[Jwk]:
    return [public(EC_KEY, alg="ES256", kid="8b5f", use="sig", key_ops=["verify"], ext=True)]


def ory() -> list[Jwk]:
    return [public(ED_KEY, alg="EdDSA", kid="5c3e", use="sig")]


@pytest.mark.parametrize(
    ("keys", "signer", "kid"),
    [
        (auth0(), RSA_KEY, "NkFCNEE1"),
        (auth0(), OTHER_RSA_KEY, "UVc0RTdF"),
        (keycloak(), RSA_KEY, "sig-1"),
        (keycloak(), EC_KEY, "sig-2"),
        (keycloak(), ED_KEY, "sig-3"),
        (entra_id(), RSA_KEY, "GvnPApfW"),
        (google(), OTHER_RSA_KEY, "a9b8c7"),
        (cognito(), RSA_KEY, "access/token+kid="),
        (okta(), RSA_KEY, "Vx9k_-"),
        (supabase(), EC_KEY, "8b5f"),
        (ory(), ED_KEY, "5c3e"),
    ],
)
async def test_the_key_sets_of_common_providers_verify_their_tokens(
    publisher: Publisher, user_tokens: JwtVerifier, keys: list[Jwk], signer: Any, kid: str
) -> None:
    publisher.keys = keys
    assert await accepts(user_tokens, token(signer, kid=kid))
    assert await accepts(user_tokens, token(signer))
    assert not await accepts(
        user_tokens, token(rsa.generate_private_key(public_exponent=65537, key_size=2048), kid=kid)
    )


async def test_a_key_for_encryption_verifies_nothing(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = keycloak()
    assert not await accepts(user_tokens, token(OTHER_RSA_KEY, kid="enc-1"))


# --- The members of a key ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": "SIG"},
        {"use": ["sig"]},
        {"key_ops": ["sign"]},
        {"key_ops": ["encrypt", "wrapKey"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"use": "sig", "key_ops": ["encrypt"]},
        {"alg": "RS512"},
        {"alg": "PS256"},
        {"alg": "RSA-OAEP-256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": 256},
        {"kty": "EC"},
        {"kty": "oct"},
        {"kty": ["RSA"]},
        {"kid": 1},
        {"e": "AQ"},
        {"e": ""},
        {"n": ""},
        {"n": "!"},
        {"n": 65537},
    ],
    ids=str,
)
async def test_a_key_for_another_use_is_not_used(publisher: Publisher, user_tokens: JwtVerifier, members: Jwk) -> None:
    publisher.keys = [public(RSA_KEY) | members, public(EC_KEY, kid="ec")]
    assert not await accepts(user_tokens, token(RSA_KEY))
    assert not await accepts(user_tokens, token(RSA_KEY, kid="1"))
    assert await accepts(user_tokens, token(EC_KEY, kid="ec")), "the others go on working"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"use": "sig"},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"], "use": "sig"},
        {"alg": "RS256"},
        {"unheard_of": {"of": 1}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kid", ["rsa", None])
async def test_optional_members_may_be_absent(
    publisher: Publisher, user_tokens: JwtVerifier, members: Jwk, kid: str | None
) -> None:
    publisher.keys = [public(RSA_KEY, key_ops=None, kid=kid) | members]
    assert await accepts(user_tokens, token(RSA_KEY, kid=kid))


@pytest.mark.parametrize("bits", [1024, 2047])
async def test_a_short_rsa_key_is_not_used(publisher: Publisher, user_tokens: JwtVerifier, bits: int) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    publisher.keys = [public(short, kid="short")]
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        bearer = token(short, kid="short")
    assert not await accepts(user_tokens, bearer)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()], ids=lambda curve: str(curve.name))
@pytest.mark.parametrize("alg", [None, "ES256"])
async def test_es256_requires_curve_p256(
    publisher: Publisher, user_tokens: JwtVerifier, curve: ec.EllipticCurve, alg: str | None
) -> None:
    key = ec.generate_private_key(curve)
    publisher.keys = [public(key, kid="ec", alg=alg)]
    own = {"secp384r1": "ES384", "secp521r1": "ES512", "secp256k1": "ES256K"}[curve.name]
    assert not await accepts(user_tokens, token(key, kid="ec", algorithm=own))
    assert parse_key_set(json.dumps({"keys": publisher.keys}).encode()) == {}


async def test_eddsa_requires_curve_ed25519(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    key = ed448.Ed448PrivateKey.generate()
    publisher.keys = [public(key, kid="ed")]
    assert not await accepts(user_tokens, token(key, kid="ed"))


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY, ED_KEY], ids=lambda key: family(key)[0])
async def test_a_published_private_key_verifies_nothing(
    publisher: Publisher, user_tokens: JwtVerifier, key: Any
) -> None:
    publisher.keys = [private(key, kid="leaked", key_ops=["sign", "verify"])]
    assert not await accepts(user_tokens, token(key, kid="leaked"))


# --- The key of a token -----------------------------------------------------------------------------------------------


async def test_keys_of_different_types_may_have_the_same_kid(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(key, kid="2026") for key in (RSA_KEY, EC_KEY, ED_KEY)]
    for key in (RSA_KEY, EC_KEY, ED_KEY):
        assert await accepts(user_tokens, token(key, kid="2026"))


async def test_keys_of_one_type_may_have_the_same_kid(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(RSA_KEY, kid="same"), public(OTHER_RSA_KEY, kid="same"), public(RSA_KEY, kid="same")]
    assert await accepts(user_tokens, token(RSA_KEY, kid="same"))
    assert await accepts(user_tokens, token(OTHER_RSA_KEY, kid="same"))


async def test_several_keys_without_a_kid_are_all_tried(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(key) for key in (RSA_KEY, EC_KEY, OTHER_RSA_KEY, OTHER_EC_KEY, ED_KEY)]
    for key in (RSA_KEY, OTHER_RSA_KEY, EC_KEY, OTHER_EC_KEY, ED_KEY):
        assert await accepts(user_tokens, token(key))
        assert await accepts(user_tokens, token(key, kid="any"))


async def test_a_token_without_a_kid_is_tried_with_every_key(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(RSA_KEY, kid="1"), public(OTHER_RSA_KEY), public(EC_KEY, kid="2")]
    for key in (RSA_KEY, OTHER_RSA_KEY, EC_KEY):
        assert await accepts(user_tokens, token(key))


async def test_a_token_is_verified_only_with_the_key_of_its_kid(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(RSA_KEY, kid="1"), public(OTHER_RSA_KEY, kid="2")]
    assert not await accepts(user_tokens, token(RSA_KEY, kid="2"))
    assert not await accepts(user_tokens, token(RSA_KEY, kid="3"))


@pytest.mark.parametrize("kid", ["shared", None])
async def test_a_published_secret_never_verifies_a_token(
    publisher: Publisher, user_tokens: JwtVerifier, kid: str | None
) -> None:
    secret = b"k" * 32
    encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    publisher.keys = [
        {"kty": "oct", "k": encoded, "kid": "shared", "alg": "HS256", "use": "sig"},
        {"kty": "oct", "k": encoded},
    ]
    bearer = jwt.encode(
        {"sub": "ada", "iss": ISSUER, "exp": NOW.timestamp() + 60},
        secret,
        "HS256",
        headers={"kid": kid} if kid else None,
    )
    assert not await accepts(user_tokens, bearer)
    assert publisher.requests == 0, "no key is fetched for an algorithm that no key can have"


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512", "RS512", "ES384", "", None, [], {}, 1, "RS256 "])
async def test_other_algorithms_are_refused(publisher: Publisher, user_tokens: JwtVerifier, alg: object) -> None:
    publisher.keys = [public(RSA_KEY, kid="rsa")]
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": alg, "typ": "JWT", "kid": "rsa"}).encode()).rstrip(b"=").decode()
    )
    bearer = ".".join([header, *token(RSA_KEY).split(".")[1:]])
    assert not await accepts(user_tokens, bearer)


# --- Rotation and size ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kid", ["new", None])
async def test_a_rotated_key_is_found_without_waiting_for_the_cache_to_expire(
    publisher: Publisher, user_tokens: JwtVerifier, kid: str | None
) -> None:
    publisher.keys = [public(RSA_KEY, kid=kid and "old")]
    assert await accepts(user_tokens, token(RSA_KEY, kid=kid and "old"))
    publisher.keys = [public(OTHER_RSA_KEY, kid=kid)]
    later = NOW + REFRESH_INTERVAL
    assert await accepts(user_tokens, token(OTHER_RSA_KEY, kid=kid), later)
    assert not await accepts(user_tokens, token(RSA_KEY, kid=kid and "old"), later), "the former key is gone"


async def test_a_key_replaced_under_the_same_kid_is_found(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(RSA_KEY, kid="1")]
    assert await accepts(user_tokens, token(RSA_KEY, kid="1"))
    publisher.keys = [public(OTHER_RSA_KEY, kid="1")]
    assert await accepts(user_tokens, token(OTHER_RSA_KEY, kid="1"), NOW + REFRESH_INTERVAL)


async def test_forged_signatures_cause_few_fetches(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(RSA_KEY, kid="1"), public(RSA_KEY)]
    for kid in ("1", None, "2") * 20:
        assert not await accepts(user_tokens, token(OTHER_RSA_KEY, kid=kid))
    assert publisher.requests == 2


async def test_a_set_of_several_hundred_keys_is_used(publisher: Publisher, user_tokens: JwtVerifier) -> None:
    publisher.keys = [public(RSA_KEY, kid=f"key-{number}", x5c=[certificate(RSA_KEY)]) for number in range(400)]
    publisher.keys = [*publisher.keys, public(OTHER_RSA_KEY, kid="last")]
    assert 256 * 1024 < len(json.dumps({"keys": publisher.keys})) < MAX_KEY_SET_BYTES
    assert await accepts(user_tokens, token(OTHER_RSA_KEY, kid="last"))
    assert await accepts(user_tokens, token(RSA_KEY, kid="key-399"))


def test_the_number_of_keys_of_a_set_is_limited() -> None:
    jwk = public(EC_KEY)
    content = json.dumps({"keys": [jwk | {"kid": str(number)} for number in range(MAX_KEYS + 1)]}).encode()
    assert len(parse_key_set(content)) == MAX_KEYS


@pytest.mark.parametrize(("before", "found"), [(MAX_KEYS_TRIED - 1, True), (MAX_KEYS_TRIED, False)])
async def test_the_number_of_keys_tried_for_a_token_is_limited(
    publisher: Publisher, user_tokens: JwtVerifier, before: int, found: bool
) -> None:
    publisher.keys = [*([public(OTHER_EC_KEY)] * before), public(EC_KEY)]
    assert await accepts(user_tokens, token(EC_KEY)) is found


# --- Invalid key sets -------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
jwk_members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "kid", "use", "key_ops", "alg"])
member_values = json_values | st.sampled_from(
    ["RSA", "EC", "OKP", "P-256", "Ed25519", "sig", "RS256", "AQAB", "AA", "w6k="]
)


@given(st.lists(json_values | st.dictionaries(jwk_members, member_values), max_size=3))
def test_no_entry_of_a_set_breaks_the_others(invalid: list[object]) -> None:
    content = json.dumps({"keys": [*invalid, public(EC_KEY, kid="good")]}).encode()
    assert len(parse_key_set(content)[Algorithm.ES256, "good"]) >= 1


@given(st.sampled_from([RSA_KEY, EC_KEY, ED_KEY]), jwk_members, member_values)
def test_no_changed_member_breaks_the_others(key: Any, name: str, value: object) -> None:
    content = json.dumps({"keys": [public(key) | {name: value}, public(EC_KEY, kid="good")]}).encode()
    assert len(parse_key_set(content)[Algorithm.ES256, "good"]) >= 1


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", b'{"keys": null}', b'{"keys": {}}', b"\xff", b'"keys"']
)
async def test_an_invalid_key_set_is_an_unavailable_provider(content: bytes) -> None:
    tokens = JwtVerifier(JwksCache(httpx.MockTransport(lambda _: httpx.Response(200, content=content))))
    with pytest.raises(IdentityUnavailable):
        await tokens.verify(RULES, token(RSA_KEY), NOW)
    await tokens.aclose()
