"""What the tests of the peer, awslabs/aws-jwt-verify, assert: each behaviour that applies to a gateway, by its id.

The descriptions are in ../shared/vectors/jws/aws-jwt-verify-behaviours.json; those that are "must-stricter" are refused
here where the peer accepts. Where the peer takes null for "do not check", there is nothing to hand in here.
"""
# ruff: noqa: D103 - the checks' names are claims, and their ids are described in the vectors

import asyncio
import json
import pathlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from gateway import rs256
from gateway.errors import TokenError, Unavailable
from gateway.jose import MAX_KEYS, MAX_SET_BYTES, Malformed, read_rsa, read_set
from gateway.keys import Key, KeyRing, fetch_by
from gateway.settings import Settings, SettingsError, load
from gateway.tokens import Verifier
from gateway.upstream import Answer, AnswerTimeout, Broken, NotSent, Request
from tests.gates import Gate
from tests.minting import ABSENT, NOW, Clock, Mint, Published, encode, encode_json, issuers_of, jwks_url, public_jwk

pytestmark = pytest.mark.anyio

Make = Callable[[Mint], str]
Check = Callable[[Mint], Awaitable[None]]
MINT = Mint("us-east-1_Peer00001")
BOTH = frozenset({"access", "id"})
CHECKS: dict[str, Check] = {}


def settings(pool_id: str, **over: str) -> Settings:
    """What an operator sets for a pool."""
    values = {
        "COGNITO_USER_POOL_ID": pool_id,
        "COGNITO_CLIENT_IDS": "client",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-a-test",
    } | over
    return load(values.get, lambda path: path)


def behaviour(*ids: str) -> Callable[[Check], Check]:
    """Name the behaviours that a check covers."""

    def named(check: Check) -> Check:
        assert CHECKS.keys().isdisjoint(ids)
        CHECKS.update(dict.fromkeys(ids, check))
        return check

    return named


def refused(reason: str, *tokens: Make, **options: Any) -> Check:
    """Check that tokens are refused for a reason."""

    async def check(mint: Mint) -> None:
        for make in tokens:
            assert await Gate(mint, **options).reason(make(mint)) == reason

    return check


def accepted(*tokens: Make, **options: Any) -> Check:
    """Check that tokens are accepted."""

    async def check(mint: Mint) -> None:
        for make in tokens:
            assert await Gate(mint, **options).verify(make(mint))

    return check


def mistake(*options: dict[str, Any]) -> Check:
    """Check that a verifier cannot be made with these options."""

    async def check(mint: Mint) -> None:
        good: dict[str, Any] = {
            "issuers": (mint.issuer,),
            "client_ids": frozenset({"c"}),
            "token_uses": BOTH,
            "keys": Gate(mint).ring,
        }
        Verifier(**good)
        for option in options:
            with pytest.raises(ValueError, match=r"."):
                Verifier(**{**good, **option})

    return check


def access(**over: Any) -> Make:
    """Make an access token with other claims."""
    return lambda mint: mint.access(**over)


def ident(**over: Any) -> Make:
    """Make an ID token with other claims."""
    return lambda mint: mint.id(**over)


def header(**over: Any) -> Make:
    """Make an access token with other header members."""
    return lambda mint: mint.sign(mint.claims(), **over)


def raw(*, head: object = None, body: object = None) -> Make:
    """Make a signed token with any header or payload text."""
    return lambda mint: mint.sign(mint.claims() if body is None else body, header=head)


def signed_by(alg: str, digest: hashes.HashAlgorithm) -> Make:
    """Make a token that the pool's key really signed by another algorithm."""

    def make(mint: Mint) -> str:
        kid, key = mint.key()
        text = f"{encode_json({'alg': alg, 'kid': kid})}.{encode_json(mint.claims())}"
        return f"{text}.{encode(key.sign(text.encode(), PKCS1v15(), digest))}"

    return make


def cut(change: Callable[[list[str]], list[str]]) -> Make:
    """Make a token whose parts are changed after signing."""
    return lambda mint: ".".join(change(mint.access().split(".")))


def issued_to(*names: str) -> dict[str, Any]:
    """Give a verifier's options for other clients."""
    return {"client_ids": frozenset(names), "token_uses": BOTH}


CHECKS |= {
    # signature, alg
    "AJV-001": accepted(access()),
    "AJV-002": refused("alg", signed_by("RS384", hashes.SHA384()), signed_by("RS512", hashes.SHA512())),
    "AJV-003": refused("alg", *(header(alg=alg) for alg in ("ES256", "ES384", "ES512", "EdDSA", "Ed25519"))),
    "AJV-004": refused("malformed", cut(lambda p: [p[0] + "=", *p[1:]]), cut(lambda p: [*p[:2], p[2] + "=="])),
    "AJV-006": refused(
        "signature", cut(lambda p: [*p[:2], "A" * 342]), cut(lambda p: [p[0], encode_json(MINT.claims(jti="x")), p[2]])
    ),
    "AJV-007": refused("alg", header(alg="RS384")),
    "AJV-008": refused("alg", lambda mint: ".".join([*header(alg="RS512")(mint).split(".")[:2], "AAAA"])),
    "AJV-010": refused("alg", header(alg="PS256")),
    "AJV-012": refused("alg", header(alg=ABSENT)),
    "AJV-013": refused("alg", header(alg=256)),
    # parse
    "AJV-014": refused("malformed", lambda _: ""),
    "AJV-016": refused("malformed", cut(lambda p: p[:2])),
    "AJV-017": refused("malformed", cut(lambda p: [*p, "AA", "AA"])),
    "AJV-018": refused("malformed", cut(lambda p: [p[0], p[1] + "!", p[2]]), cut(lambda p: [p[0] + "é", *p[1:]])),
    "AJV-019": refused("malformed", *(cut(lambda p, n=n: [*p[:n], "", *p[n + 1 :]]) for n in range(3))),  # type: ignore[misc]
    "AJV-020": refused("malformed", raw(head="{alg")),
    "AJV-021": refused("malformed", raw(head="1")),
    "AJV-022": refused("malformed", raw(body="{sub")),
    "AJV-023": refused("malformed", raw(body="1")),
    "AJV-024": refused("kid", header(kid={"a": 1})),
    "AJV-025": accepted(access(username="Zoë-東京", **{"custom:名前": "😀"})),
    # claim types
    "AJV-027": refused("issuer", access(iss=12345)),
    "AJV-028": refused("sub", access(sub=12345)),
    "AJV-029": refused("client", ident(aud=12345), access(aud=12345), token_uses=BOTH),
    "AJV-030": refused("claims", access(jti=12345)),
    "AJV-031": refused("claims", access(scope=12345)),
    "AJV-032": refused("time", access(iat="12345")),
    "AJV-033": refused("time", access(exp="Garbage")),
    "AJV-034": refused("time", access(nbf="foobar")),
    "AJV-035": refused("client", ident(aud=[MINT.client_id, 1]), access(aud=["x", None]), token_uses=BOTH),
    "AJV-036": refused("malformed", *(raw(body=f'{{"exp":{n}}}') for n in ("NaN", "Infinity", "-Infinity", "1e999"))),
    # time
    "AJV-037": refused("expired", access(exp=NOW)),
    "AJV-038": refused("time", access(exp=ABSENT)),
    "AJV-041": refused("not-yet-valid", access(nbf=NOW + 100)),
    "AJV-043": refused("not-yet-valid", access(nbf=NOW + 100), leeway_seconds=60),
    # issuer, audience: what the peer calls undefined or null
    "AJV-046": refused("issuer", access(iss=ABSENT)),
    "AJV-047": refused("issuer", access(iss=None), access(iss="")),
    "AJV-048": refused(
        "issuer", *(access(iss=MINT.issuer[a:] + b) for a, b in ((0, "x"), (0, "/"), (1, ""), (0, " ")))
    ),
    "AJV-049": mistake({"issuers": None}),
    "AJV-051": mistake({"issuers": (None,)}),
    "AJV-052": mistake({"issuers": (MINT.issuer, None)}),
    "AJV-053": mistake({"issuers": (MINT.issuer, MINT.issuer)}),
    "AJV-054": mistake({"issuers": ()}, {"issuers": ""}, {"issuers": ("",)}),
    "AJV-058": refused("client", ident(aud="other"), token_uses=BOTH),
    "AJV-059": accepted(ident(aud=["other", "b"]), **issued_to("a", "b")),
    "AJV-060": accepted(ident(aud=["other", "a"]), **issued_to("a")),
    "AJV-061": mistake({"client_ids": None}, {"client_ids": frozenset({None})}),
    # kid
    "AJV-069": refused("kid", header(kid=ABSENT)),
    "AJV-070": refused("kid", header(kid=None), header(kid="")),
    "AJV-071": refused("unknown-kid", header(kid="another")),
    # Cognito
    "AJV-116": accepted(ident(), token_uses=BOTH),
    "AJV-117": refused("token-use", ident()),
    "AJV-118": accepted(access()),
    "AJV-119": refused("token-use", access(), token_uses=frozenset({"id"})),
    "AJV-120": refused("token-use", access(token_use=ABSENT), ident(token_use=ABSENT), token_uses=BOTH),
    "AJV-121": refused("token-use", access(token_use="refresh"), access(token_use="Access"), token_uses=BOTH),
    "AJV-122": refused("client", access(client_id="other"), access(client_id=MINT.client_id + "x")),
    "AJV-123": refused("client", ident(aud="other"), ident(aud=MINT.client_id[:-1]), token_uses=BOTH),
    "AJV-124": mistake({"client_ids": None}),
    "AJV-125": mistake({"token_uses": None}),
    "AJV-126": mistake({"client_ids": frozenset()}, {"token_uses": frozenset()}),
    "AJV-131": refused("groups", access(**{"cognito:groups": "admin"})),
    "AJV-132": refused("groups", access(**{"cognito:groups": ["admin", 1]})),
    "AJV-133": refused("groups", access(**{"cognito:groups": 1})),
    "AJV-137": refused("client", *(access(client_id=value) for value in (1, True, None, ["x"]))),
}


@behaviour("AJV-011")
async def an_algorithm_that_token_and_jwk_agree_on_is_still_not_ours(mint: Mint) -> None:
    gate = Gate(mint)
    gate.published.reply = published(public_jwk(mint.key()[1], mint.key()[0], alg="PS256"), mint.jwks()["keys"][0])
    assert await gate.reason(mint.sign(mint.claims(), alg="PS256")) == "alg"
    assert await gate.reason(mint.access()) == "unknown-kid"


@behaviour("AJV-005")
async def a_jwk_without_alg_is_for_rs256_alone(mint: Mint) -> None:
    gate = Gate(mint)
    gate.published.reply = published(public_jwk(mint.key()[1], mint.key()[0], alg=ABSENT))
    assert await gate.verify(mint.access())
    assert await gate.reason(signed_by("RS512", hashes.SHA512())(mint)) == "alg"


@behaviour("AJV-009")
async def a_jwk_for_another_algorithm_is_no_key(mint: Mint) -> None:
    gate = Gate(mint)
    gate.published.reply = published(public_jwk(mint.key()[1], mint.key()[0], alg="RS384"), mint.jwks()["keys"][0])
    assert await gate.reason(mint.access()) == "unknown-kid"


@behaviour("AJV-015")
async def what_is_no_token_is_refused(mint: Mint) -> None:
    for token in (None, 5, mint.access()):
        with pytest.raises(TokenError, match="malformed"):
            await Gate(mint).verifier.verify(token, NOW)  # type: ignore[arg-type]


@behaviour("AJV-040")
async def grace_ends_exactly_and_is_never_long(mint: Mint) -> None:
    await mistake({"leeway_seconds": 1_000})(mint)
    assert await Gate(mint, leeway_seconds=60).verify(mint.access(exp=NOW - 59, iat=NOW - 99))
    assert await Gate(mint, leeway_seconds=60).reason(mint.access(exp=NOW - 60, iat=NOW - 99)) == "expired"


@behaviour("AJV-050")
async def an_address_for_the_keys_is_needed(mint: Mint) -> None:
    for urls in ({}, {mint.issuer: ""}):
        with pytest.raises(ValueError, match=r"."):
            KeyRing(urls=urls, fetch=Published(mint), make_key=rs256.make_key, monotonic=Clock())


@behaviour("AJV-055", "AJV-134")
async def each_pool_judges_its_own(mint: Mint) -> None:
    other = Mint("eu-west-1_Peer00002", "eu-west-1", "otherclient000000000000001")
    gates = {one: Gate(one) for one in (mint, other)}
    for one, gate in gates.items():
        stranger = other if one is mint else mint
        assert await gate.verify(one.access())
        assert await gate.reason(stranger.access()) == "issuer"
        assert await gate.reason(stranger.sign(one.claims())) == "unknown-kid"
        assert await gate.reason(stranger.sign(one.claims(), kid=one.key()[0])) == "signature"
        assert await gate.reason(one.access(client_id=stranger.client_id)) == "client"


@behaviour("AJV-062", "AJV-063", "AJV-064", "AJV-065", "AJV-066")
async def scopes_are_whole_words_any_of_which_may_do(mint: Mint) -> None:
    scopes = (await Gate(mint).verify(mint.access(scope="blah blah2"))).scopes
    assert scopes == {"blah", "blah2"}
    assert scopes & {"blah"}
    assert scopes & {"other", "blah2"}
    assert not scopes & {"bla", "blah blah2", "BLAH", ""}
    for scope in (ABSENT, "", " "):
        assert (await Gate(mint).verify(mint.access(scope=scope))).scopes == frozenset()


@behaviour("AJV-068")
async def a_machine_is_told_from_a_person(mint: Mint) -> None:
    caller = await Gate(mint).verify(mint.machine(["api/read"], **{"cognito:groups": ["admin"]}))
    assert (caller.is_machine, caller.groups, caller.scopes) == (True, (), frozenset({"api/read"}))
    assert await Gate(mint).reason(mint.access(username=ABSENT)) == "username"


@behaviour("AJV-072", "AJV-073")
async def the_right_key_is_found_by_its_exact_id(mint: Mint) -> None:
    gate, (kid, key) = Gate(mint), mint.key()
    others = [{"kty": "EC", "kid": "ec"}, {"kty": "oct", "k": "AA"}, public_jwk(key, "x", kid=None), {"kty": "RSA"}]
    gate.published.reply = published(*others, public_jwk(key, "x", alg="PS256"), public_jwk(key, kid))
    assert await gate.verify(mint.access())
    for other in ("null", "None", kid.upper(), kid + "=", f" {kid}"):
        assert await gate.reason(mint.sign(mint.claims(), kid=other)) == "unknown-kid"


@behaviour("AJV-074", "AJV-076", "AJV-078", "AJV-079")
async def a_jwk_that_is_no_rsa_key_for_signatures_is_refused(mint: Mint) -> None:
    key = mint.key()[1]
    for over in (
        {"use": "enc"},
        {"use": 1},
        {"n": ABSENT},
        {"e": ABSENT},
        {"n": 1},
        {"alg": ["RS256"]},
        {"kty": "oct"},
    ):
        with pytest.raises(Malformed):
            read_rsa(public_jwk(key, "x", **over))
    for jwk in ({}, {"kty": "EC"}, {"kty": "OKP"}, {"kty": None}):
        with pytest.raises(Malformed):
            read_rsa(jwk)
    with pytest.raises(Malformed):
        read_set(b'{"keys":["not an object"]}')


@behaviour("AJV-080", "AJV-081", "AJV-082")
async def a_bad_set_leaves_the_good_one(mint: Mint) -> None:
    gate, good = Gate(mint), json.dumps(mint.jwks()).encode()
    await gate.verify(mint.access())
    for body in (b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[]}', good + b"}", good.replace(b"sig", b"\xff\xff\xff")):
        gate.published.reply = Answer(200, {}, body)
        gate.clock.tick(10)
        with pytest.raises(Unavailable):
            await gate.verify(mint.sign(mint.claims(), kid="another"))
        assert await gate.verify(mint.access(jti=str(gate.clock.now)))


@behaviour("AJV-084", "AJV-085", "AJV-097")
async def one_fetch_serves_all(mint: Mint) -> None:
    gate = Gate(mint)
    await asyncio.gather(*(gate.verify(mint.access(jti=str(number))) for number in range(5)))
    await gate.verify(mint.access(jti="later"))
    assert gate.published.asked == [jwks_url(mint.issuer)]


@behaviour("AJV-086", "AJV-087", "AJV-088", "AJV-089")
async def unknown_ids_wait_and_known_ones_do_not(_: Mint) -> None:
    mint = Mint("us-east-1_Peer00003")
    gate = Gate(mint)
    await gate.verify(mint.access())
    for number in range(3):
        assert await gate.reason(mint.sign(mint.claims(), kid=f"another-{number}")) == "unknown-kid"
        assert await gate.verify(mint.access(jti=str(number)))
    assert len(gate.published.asked) == 2
    gate.clock.tick(9.9)
    assert await gate.reason(mint.sign(mint.claims(), kid="another")) == "unknown-kid"
    gate.clock.tick(0.1)
    assert await gate.reason(mint.sign(mint.claims(), kid="another")) == "unknown-kid"
    assert len(gate.published.asked) == 3
    for _turn in range(2):  # a fetch that finds its key makes no one wait
        gate.clock.tick(10)
        mint.rotate()
        assert await gate.verify(mint.access())
        mint.rotate()
        assert await gate.verify(mint.access())


@behaviour("AJV-090", "AJV-098", "AJV-099", "AJV-102", "AJV-103", "AJV-100")
async def a_failed_fetch_is_told_and_tried_again(mint: Mint) -> None:
    statuses: list[tuple[Answer | Exception, int]] = [(Answer(status, {}, b""), 1) for status in (201, 302, 404, 500)]
    broken = [(AnswerTimeout("slow"), 1), (NotSent("refused"), 2), (Broken("reset"), 2)]
    for reply, asked in [*statuses, *broken]:
        gate = Gate(mint)
        gate.published.reply = reply
        with pytest.raises(Unavailable):
            await gate.verify(mint.access())
        assert len(gate.published.asked) == asked
        gate.published.reply = None
        gate.clock.tick(5)
        assert await gate.verify(mint.access())


@behaviour("AJV-101")
async def a_broken_connection_is_tried_again_at_once(mint: Mint) -> None:
    gate = Gate(mint)
    gate.published.reply = NotSent("refused")
    gate.ring._fetch = lambda url: once(gate.published, url)
    assert await gate.verify(mint.access())


@behaviour("AJV-092", "AJV-093", "AJV-114", "AJV-115")
async def sets_are_where_the_pool_id_says_and_can_be_fetched_before(mint: Mint) -> None:
    issuers = issuers_of(mint.pool_id)
    assert issuers[0] == f"https://cognito-idp.us-east-1.amazonaws.com/{mint.pool_id}"
    gate = Gate(mint, issuers=issuers)
    await gate.ring.warm(*issuers)
    assert gate.published.asked == [f"{issuer}/.well-known/jwks.json" for issuer in issuers]
    assert list(settings(mint.pool_id).jwks_urls.values()) == gate.published.asked
    with pytest.raises(SettingsError, match="COGNITO_ISSUER"):  # a slash at its end is refused, so never doubled
        settings(mint.pool_id, COGNITO_ISSUER=issuers[0] + "/")
    for issuer in issuers:
        await gate.verify(mint.access(iss=issuer))
    assert len(gate.published.asked) == 2
    with pytest.raises(SettingsError, match="COGNITO_USER_POOL_ID"):
        settings("foo-central-bar_cfE3xfsaf")


@behaviour("AJV-095")
async def what_is_remembered_is_bounded_by_recent_use(mint: Mint) -> None:
    gate = Gate(mint, cache_size=2)
    a, b, c = (mint.access(jti=name) for name in "abc")
    await gate.verify(a)
    await gate.verify(b)
    assert gate.cached(a)
    await gate.verify(c)
    assert [gate.cached(token) is not None for token in (a, b, c)] == [True, False, True]
    await mistake({"cache_size": 0})(mint)


@behaviour("AJV-104", "AJV-105")
async def a_fetch_has_a_time_and_a_size(mint: Mint) -> None:
    limits: list[tuple[float, int]] = []

    async def transport(request: Request, *, timeout_seconds: float, max_answer_bytes: int = 0) -> Answer:
        limits.append((timeout_seconds, max_answer_bytes))
        return Answer(200, {}, request.path.encode())

    await fetch_by(transport)(jwks_url(mint.issuer))
    await fetch_by(transport, timeout_seconds=1.5, max_bytes=100)(jwks_url(mint.issuer))
    assert limits == [(3.0, MAX_SET_BYTES), (1.5, 100)]
    many = [public_jwk(mint.key()[1], str(number)) for number in range(MAX_KEYS + 1)]
    assert len(read_set(json.dumps({"keys": many[1:]}).encode())) == MAX_KEYS
    for body in (json.dumps({"keys": many}), json.dumps(mint.jwks()).ljust(MAX_SET_BYTES + 1)):
        with pytest.raises(Malformed):
            read_set(body.encode())


@dataclass
class Custom:
    """A key port with a will of its own, which sees what a check of one's own would have to see."""

    error: Exception | None = None
    generation: int = 0
    seen: list[object] = field(default_factory=list)

    def known(self, issuer: str, kid: str) -> Key | None:
        """Know nothing."""
        self.seen += [issuer, kid]
        return None

    async def find(self, issuer: str, kid: str) -> Key:
        """Refuse, or give a key that accepts everything."""
        self.seen += [issuer, kid]
        if self.error is not None:
            raise self.error
        return self.verify

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Note what is to be verified."""
        self.seen += [signing_input, len(signature)]
        return True


@behaviour("AJV-106", "AJV-107")
async def a_check_of_ones_own_sees_the_token_and_its_error_stands(mint: Mint) -> None:
    port = Custom()
    token = mint.access(groups=["g"])
    caller = await Gate(mint, keys=port).verify(token)
    assert port.seen == [*[mint.issuer, mint.key()[0]] * 2, token.rpartition(".")[0].encode(), 256]
    assert caller.groups == ("g",)
    assert await Gate(mint, keys=Custom(TokenError("of-my-own"))).reason(token) == "of-my-own"


@behaviour("AJV-111", "AJV-112", "AJV-113")
async def no_error_carries_anything_of_the_token(mint: Mint) -> None:
    tokens = (
        mint.access(exp=NOW - 1),
        mint.access()[:-9] + "AAAAAAAAA",
        mint.sign('{"sub":"alice"'),
        "alice.alice.alice",
    )
    for token in tokens:
        with pytest.raises(TokenError) as caught:
            await Gate(mint).verify(token)
        error: BaseException | None = caught.value
        while error is not None:  # what is behind it may end up in a traceback
            assert "alice" not in f"{error!r}{vars(error)}"
            assert token[:20] not in f"{error!r}{vars(error)}"
            error = error.__cause__ or error.__context__


@behaviour("AJV-127", "AJV-128", "AJV-129")
async def groups_are_whole_names_any_of_which_may_do(mint: Mint) -> None:
    groups = (await Gate(mint).verify(mint.access(groups=["users", "others", "admin"]))).groups
    assert {"admin"} & set(groups)
    assert not {"admin"} & set(
        (await Gate(mint).verify(mint.access(groups=["users", "administrators", "Admin"]))).groups
    )
    assert (await Gate(mint).verify(mint.access())).groups == ()


@behaviour("AJV-136")
async def empty_is_missing(mint: Mint) -> None:
    empty = {"iss": "issuer", "client_id": "client", "token_use": "token-use", "sub": "sub", "username": "username"}
    for name, reason in empty.items():
        assert await Gate(mint).reason(mint.access(**{name: ""})) == reason


@behaviour("AJV-140")
async def the_second_time_is_from_memory(mint: Mint) -> None:
    gate, token = Gate(mint), mint.access()
    assert await gate.verify(token) is await gate.verify(token) is gate.cached(token)


def published(*jwks: Mapping[str, object]) -> Answer:
    """Answer with a set."""
    return Answer(200, {}, json.dumps({"keys": jwks}).encode())


async def once(source: Published, url: str) -> Answer:
    """Fail the first time."""
    try:
        return await source(url)
    finally:
        source.reply = None


def test_every_behaviour_that_applies_is_covered(vectors: pathlib.Path) -> None:
    """The checks of this file are those that the peer's behaviours list as applying to a gateway: no more, no fewer."""
    listed = json.loads((vectors / "jws" / "aws-jwt-verify-behaviours.json").read_text())["behaviours"]
    applying = {entry["id"] for entry in listed if entry["applies_to_gateway"].startswith("must")}
    assert len(applying) == 119
    assert CHECKS.keys() == applying


@pytest.mark.parametrize("ajv", sorted(CHECKS))
async def test_behaves_like_the_peer_or_stricter(ajv: str) -> None:
    """What AWS's own verifier asserts holds here too; what a gateway must refuse is refused (R-02 to R-07, R-21)."""
    await CHECKS[ajv](MINT)
