"""Secrets among the settings: where they come from, which are refused, and that none is ever shown."""

import copy
import dataclasses
import json
import pathlib
import pickle
import pprint

import pytest

from gateway.settings import Settings, SettingsError
from gateway.settings.reading import FILE_SUFFIX
from gateway.settings.table import PLACEHOLDER
from tests.settings_loading import (
    CANARY,
    CLIENT_SECRET,
    KEY_ID,
    NAMES,
    SECRET_KEY,
    SECRETS,
    TOKEN,
    loaded,
    names_refused,
    refused,
)


def test_keys_can_come_in_one_value() -> None:
    """AWS_CREDENTIALS holds the pair and the one to rotate to; the three single settings are then not even read."""
    document = {
        "current": {"access_key_id": KEY_ID, "secret_access_key": SECRET_KEY},
        "next": {"access_key_id": KEY_ID[::-1], "secret_access_key": SECRET_KEY[::-1], "session_token": TOKEN},
    }
    settings = loaded(
        AWS_CREDENTIALS=json.dumps(document, indent=1) + "\n",
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY=None,
        AWS_SESSION_TOKEN="not used",
    )
    assert settings.credentials.current.secret_access_key == SECRET_KEY
    assert settings.credentials.next is not None
    assert settings.credentials.next.session_token == TOKEN


@pytest.mark.parametrize("path", ["/run/secrets/key", "/run/secrets/windows"])
def test_a_secret_can_come_from_a_file(path: str) -> None:
    """A mounted secret ends in the line break that its editor wrote: that one is not part of the key."""
    settings = loaded(AWS_SECRET_ACCESS_KEY=None, AWS_SECRET_ACCESS_KEY_FILE=path)
    assert settings.credentials.current.secret_access_key == SECRET_KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[]",
        '"current"',
        "null",
        "1" * 5000,
        "[" * 100_000,
        "{}",
        '{"current": null}',
        '{"current": []}',
        '{"current": {}}',
        '{"current": {"access_key_id": "KEY"}}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET"}, "other": 1}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET", "Token": "x"}}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET"}, "next": {}}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET"}, "next": "KEY"}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET", "secret_access_key": "SECRET"}}',
        '{"current": 1, "current": {"access_key_id": "KEY", "secret_access_key": "SECRET"}}',
        '{"current": {"access_key_id": "KEY\\n", "secret_access_key": "SECRET"}}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET "}}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": 40}}',
        '{"current": {"access_key_id": "KEY", "secret_access_key": "SECRET", "session_token": ""}}',
        '{"current": {"access_key_id": "ASIA", "secret_access_key": "SECRET"}}',
    ],
    ids=range(24),
)
def test_keys_in_one_value_are_strict(text: str) -> None:
    """A doubtful AWS_CREDENTIALS is refused without a word of what is in it (R-01, R-14)."""
    text = text.replace("KEY", KEY_ID).replace("SECRET", SECRET_KEY).replace('"ASIA"', f'"ASIA{KEY_ID[4:]}"')
    assert names_refused(AWS_CREDENTIALS=text) == ["AWS_CREDENTIALS"]
    alone = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_CREDENTIALS": text}
    assert names_refused(alone) == ["AWS_CREDENTIALS"]


def test_temporary_keys_need_their_session_token() -> None:
    """AWS refuses the keys of STS without their token, in words that would not help: said at start instead."""
    key_id = f"ASIA{KEY_ID[4:]}"
    assert names_refused(AWS_ACCESS_KEY_ID=key_id) == ["AWS_SESSION_TOKEN"]
    assert names_refused(AWS_ACCESS_KEY_ID=key_id, AWS_SESSION_TOKEN=" ") == ["AWS_SESSION_TOKEN"]
    assert loaded(AWS_ACCESS_KEY_ID=key_id, AWS_SESSION_TOKEN=TOKEN).credentials.current.session_token == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        CLIENT_SECRET,
        f"client1:{CLIENT_SECRET}",
        "client1=",
        f"={CLIENT_SECRET}",
        f"client1={CLIENT_SECRET},",
        f"client1={CLIENT_SECRET}, client2={CLIENT_SECRET}",
        f"client3={CLIENT_SECRET}",
        f"client1={CLIENT_SECRET},client1={CLIENT_SECRET}x",
    ],
)
def test_client_secrets_are_pairs_of_known_clients(text: str) -> None:
    """A secret of a client that is not accepted, or of none, is a mistake; the message says where, not what (R-01)."""
    assert names_refused(COGNITO_CLIENT_SECRETS=text) == ["COGNITO_CLIENT_SECRETS"]


def test_client_secrets_are_not_blamed_for_refused_clients() -> None:
    """When the list of clients is wrong itself, that is the one problem."""
    changes = {"COGNITO_CLIENT_IDS": "client 1", "COGNITO_CLIENT_SECRETS": f"client1={CLIENT_SECRET}"}
    assert names_refused(changes) == ["COGNITO_CLIENT_IDS"]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("path", ["/no/such/file", "/run/secrets/empty", "/run/secrets/newline", "/run/secrets/binary"])
def test_a_secrets_file_that_gives_nothing_is_named(name: str, path: str) -> None:
    """A mount that failed is a refusal with the file's path, for every secret (R-14)."""
    error = refused({name: None, name + FILE_SUFFIX: path})
    assert [problem.name for problem in error.problems] == [name + FILE_SUFFIX]
    assert path in str(error)


@pytest.mark.parametrize("name", SECRETS)
def test_an_empty_secret_is_a_failed_mount(name: str) -> None:
    """An empty secret is refused even where the setting is optional (R-14)."""
    assert [(problem.name, problem.read) for problem in refused({name: ""}).problems] == [(name, "an empty value")]
    assert names_refused({name: None, name + FILE_SUFFIX: ""}) == [name + FILE_SUFFIX]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_one_place(name: str) -> None:
    """A value and a file at once: nobody knows which of them is meant."""
    (problem,) = refused({name: SECRET_KEY, name + FILE_SUFFIX: "/run/secrets/key"}).problems
    assert (problem.name, problem.read) == (name, "both")


def test_only_one_line_break_of_a_file_is_dropped() -> None:
    """A second one is part of the value, and the value is refused."""
    changes = {"AWS_SECRET_ACCESS_KEY": None, "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/two-lines"}
    assert names_refused(changes) == ["AWS_SECRET_ACCESS_KEY"]


def test_a_secret_in_place_of_its_files_path_is_not_shown() -> None:
    """The key itself in NAME_FILE is an easy mistake, and no reason to print it (R-01)."""
    changes = {"AWS_SECRET_ACCESS_KEY": None, "AWS_SECRET_ACCESS_KEY_FILE": SECRET_KEY}
    assert names_refused(changes) == ["AWS_SECRET_ACCESS_KEY_FILE"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SECRETS])
def test_a_secret_in_another_settings_place_is_not_shown(name: str) -> None:
    """Values end up in the wrong variable: whatever looks like a secret, or is one, is masked there (R-01)."""
    for value in (
        SECRET_KEY,
        f"{SECRET_KEY}, and more",
        f"client1={CLIENT_SECRET}!",
        f"https://user:{CLIENT_SECRET}/@a.b/",
        f"http://a.b/?token={CLIENT_SECRET}",
        f"{KEY_ID} {KEY_ID.replace('AKIA', 'ASIA')} !",
        "x" * 70 + SECRET_KEY,
    ):
        try:
            loaded({name: value})
        except SettingsError as error:
            assert CANARY.lower() not in str(error).lower()  # noqa: PT017 - accepted by some settings, leaked by none


def test_a_file_can_hold_the_placeholder_no_more_than_a_variable() -> None:
    """A secret's file that was copied and not filled in is refused like the variable would be."""
    (problem,) = refused(AWS_SECRET_ACCESS_KEY=None, AWS_SECRET_ACCESS_KEY_FILE="/run/secrets/placeholder").problems
    assert PLACEHOLDER in problem.wanted


def full_settings() -> Settings:
    """Return settings with a secret in every place that can hold one."""
    pair = {"access_key_id": KEY_ID, "secret_access_key": SECRET_KEY, "session_token": TOKEN}
    return loaded(
        AWS_CREDENTIALS=json.dumps({"current": pair, "next": pair}),
        COGNITO_CLIENT_SECRETS=f"client1={CLIENT_SECRET}",
        GATEWAY_STORE=f"rediss://gateway:{CLIENT_SECRET}@redis.example.com",
    )


def test_settings_show_no_secret_however_they_are_shown(vectors: pathlib.Path) -> None:
    """Printed, logged, copied into a dict, written as JSON: no key, token or secret (R-01, log-repr-settings)."""
    attacks = json.loads((vectors / "attacks" / "http-attacks.json").read_text("utf-8"))
    assert any(attack["id"].endswith("log-repr-settings") for attack in attacks)
    settings = full_settings()
    as_dict = dataclasses.asdict(settings)
    shown = [
        repr(settings),
        str(settings),
        f"{settings} {settings.credentials} {settings.client_secrets}",
        pprint.pformat(settings),
        json.dumps(settings, default=str),
        json.dumps(as_dict, default=str),
        repr(as_dict),
        repr(dataclasses.astuple(settings)),
        repr(copy.deepcopy(settings.credentials)),
        repr(copy.copy(settings.client_secrets)),
        repr(settings.credentials.current),
        repr(settings.client_secrets.items()),
        json.dumps(settings.credentials, default=vars_or_text),
        json.dumps(settings.store, default=vars_or_text),
        f"{settings.store!r} {settings.store}",
        repr(copy.deepcopy(settings.store)),
    ]
    assert CANARY.lower() not in "".join(shown).lower()
    assert "***" in shown[2]


def vars_or_text(value: object) -> object:
    """Do what careless JSON encoders do: take an object's attributes, else its text."""
    return getattr(value, "__dict__", None) or str(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_settings_are_not_pickled(protocol: int) -> None:
    """A pickle would be a file with the keys in it: it is refused (R-01)."""
    settings = full_settings()
    for secret in (settings, settings.credentials, settings.client_secrets, settings.store):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(secret, protocol)
