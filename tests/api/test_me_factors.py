"""Setting up an authenticator app and choosing second factors, over the whole gateway and a scripted Cognito."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from gateway.api.auth import totp
from tests.world import World, answer

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SVG = "{http://www.w3.org/2000/svg}"


def modules(svg: str) -> list[list[bool]]:
    """What a camera would see: the dark squares of the image, read from its lines."""
    image = ET.fromstring(svg)  # noqa: S314 - our own
    lines = next(path for path in image.iter(f"{SVG}path") if "stroke" in path.attrib)
    size = int(image.attrib["viewBox"].split()[2]) // 4
    seen = [[False] * size for _ in range(size)]
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]*)", lines.attrib["d"]):
        values = [float(text) for text in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "h":
            for step in range(int(values[0])):
                seen[int(y)][int(x) + step] = True
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    return seen


def unmasked(seen: list[list[bool]]) -> tuple[int, str]:
    """The version and the bits of a QR code as ISO/IEC 18004 reads them: format, mask, then up and down in pairs."""
    code = [row[4:-4] for row in seen[4:-4]]
    size = len(code)
    bits = [code[8][index] for index in (0, 1, 2, 3, 4, 5, 7)]
    mask = (sum(bit << (4 - place) for place, bit in enumerate(bits[:5])) ^ 0b10101) & 0b111
    masks: list[Callable[[int, int], bool]] = [
        lambda y, x: (y + x) % 2 == 0,
        lambda y, _: y % 2 == 0,
        lambda _, x: x % 3 == 0,
        lambda y, x: (y + x) % 3 == 0,
        lambda y, x: (y // 2 + x // 3) % 2 == 0,
        lambda y, x: y * x % 2 + y * x % 3 == 0,
        lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
        lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
    ]
    version = (size - 17) // 4
    reserved = _reserved(size, version)
    found, column, upwards = "", size - 1, True
    while column > 0:
        column -= column == 6
        for row in reversed(range(size)) if upwards else range(size):
            for x in (column, column - 1):
                if (row, x) not in reserved:
                    found += str(int(code[row][x] != masks[mask](row, x)))
        column, upwards = column - 2, not upwards
    return version, found


def _reserved(size: int, version: int) -> set[tuple[int, int]]:
    """Where no data is: finders, timing, alignment, format and version."""
    places = {(y, x) for y in range(9) for x in range(9)}
    places |= {(y, x) for y in range(9) for x in range(size - 8, size)}
    places |= {(y, x) for y in range(size - 8, size) for x in range(9)}
    places |= {(6, index) for index in range(size)} | {(index, 6) for index in range(size)}
    centre = size - 7
    for cy in [6, centre] if version < 7 else [6, (6 + centre) // 2 // 2 * 2, centre]:
        for cx in [6, centre] if version < 7 else [6, (6 + centre) // 2 // 2 * 2, centre]:
            if (cy, cx) not in {(6, 6), (6, centre), (centre, 6)}:
                places |= {(cy + dy, cx + dx) for dy in range(-2, 3) for dx in range(-2, 3)}
    if version >= 7:
        places |= {(y, x) for y in range(6) for x in range(size - 11, size - 8)}
        places |= {(x, y) for y, x in places if y < 6 and size - 11 <= x < size - 8}
    return places


BLOCKS = {5: (43, 43), 6: (27,) * 4, 7: (31,) * 4, 8: (38, 38, 39, 39), 9: (36, 36, 36, 37, 37), 10: (43,) * 4 + (44,)}
"""Data bytes of each block at error level M, by version: ISO/IEC 18004 table 9."""


def decoded(svg: str) -> str:
    """The text of a QR code at level M, in bytes, whose modules are all whole."""
    version, bits = unmasked(modules(svg))
    stream = [int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8)]
    blocks: list[list[int]] = [[] for _ in BLOCKS[version]]
    for place in range(max(BLOCKS[version])):
        for block, length in zip(blocks, BLOCKS[version], strict=True):
            if place < length:
                block.append(stream.pop(0))
    data = "".join(f"{byte:08b}" for block in blocks for byte in block)
    counted = 8 if version < 10 else 16
    length = int(data[4 : 4 + counted], 2)
    assert data[:4] == "0100"
    start = 4 + counted
    return bytes(int(data[at : at + 8], 2) for at in range(start, start + 8 * length, 8)).decode()


@pytest.fixture
def world() -> World:
    """A gateway whose Cognito gives a secret and takes its code."""
    found = World()
    found.cognito.script = lambda _request: answer({"SecretCode": SECRET, "Status": "SUCCESS"})
    return found


@pytest.mark.parametrize(
    ("issuer", "account"),
    [("Ex", "a"), ("gw.example.com", "ann"), ("Example & Söhne", "zoë+1@example.com"), ("x" * 40, "y" * 44)],
)
def test_the_picture_says_what_the_address_says(issuer: str, account: str) -> None:
    """A reader of QR codes, written from the standard and not with the library that draws them, finds the address."""
    made = totp.setup(SECRET, issuer=issuer, account=account)
    assert decoded(made["qr"]) == made["uri"]
    address = urlsplit(made["uri"])
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == f"/{issuer}:{account}"
    assert parse_qs(address.query) == {"secret": [SECRET], "issuer": [issuer]}


async def test_an_app_is_set_up(world: World) -> None:
    """The secret as text, as an address and as an image; the labels are the user's name and the host that was asked."""
    token = world.token(username="ann")
    reply = await world.rest("POST", "/me/totp", None, token, headers={"host": "gw.example.com:8443"})
    assert reply.status == 200
    assert reply.json["secret"] == SECRET
    assert reply.json["uri"] == f"otpauth://totp/gw.example.com:ann?secret={SECRET}&issuer=gw.example.com"
    assert decoded(reply.json["qr"]) == reply.json["uri"]
    reply = await world.rest("POST", "/me/totp", {"issuer": "Example", "account": "a@b"}, token)
    assert reply.json["uri"] == f"otpauth://totp/Example:a%40b?secret={SECRET}&issuer=Example"
    assert world.cognito.bodies == [{"AccessToken": token}] * 2
    assert SECRET.encode() not in b"".join(world.sink.lines)


async def test_a_host_that_is_none_names_no_issuer(world: World) -> None:
    """The label is plain text; without a host it is Cognito's."""
    reply = await world.rest("POST", "/me/totp", None, world.token(username="ann"), headers={"host": "<b>"})
    assert reply.json["uri"].startswith("otpauth://totp/Cognito:ann?")


async def test_the_app_s_code_finishes_it(world: World) -> None:
    """204; where Cognito says by its answer, not by an error, that it did not fit, that is 400 too."""
    token = world.token()
    reply = await world.rest("PUT", "/me/totp", {"code": "123456", "deviceName": "phone"}, token)
    assert (reply.status, reply.body) == (204, b"")
    assert world.cognito.bodies == [{"UserCode": "123456", "FriendlyDeviceName": "phone", "AccessToken": token}]
    world.cognito.script = lambda _request: answer({"Status": "ERROR"})
    reply = await world.rest("PUT", "/me/totp", {"code": "123456"}, token)
    assert (reply.status, reply.json["type"], reply.json["member"]) == (400, "EnableSoftwareTokenMFAException", "code")


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"preferred": "totp"}, {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}),
        ({"totp": False}, {"SoftwareTokenMfaSettings": {"Enabled": False}}),
        (
            {"preferred": "totp", "sms": True, "email": False},
            {
                "SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True},
                "SMSMfaSettings": {"Enabled": True, "PreferredMfa": False},
                "EmailMfaSettings": {"Enabled": False, "PreferredMfa": False},
            },
        ),
        (
            {"preferred": None, "sms": True},
            {"SMSMfaSettings": {"Enabled": True, "PreferredMfa": False}},
        ),
    ],
)
async def test_factors_are_switched_by_name(world: World, body: dict[str, Any], sent: dict[str, Any]) -> None:
    """What is not named stays; the preferred one is on by that."""
    token = world.token()
    assert (await world.rest("PUT", "/me/mfa", body, token)).status == 204
    assert world.cognito.bodies == [{**sent, "AccessToken": token}]
