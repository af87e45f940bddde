"""Where an operator's command finds the gateway's settings: the environment, or one file that is named.

Duty: one of the two, whole. Prohibition: they are never mixed, and no `.env` is found by itself: the keys of whoever
types the command would be taken for the gateway's, or the other way round.
"""

import os
import pathlib

import dotenv


class NoEnvironment(Exception):
    """The file cannot be read; the text says why."""


def only(env_file: pathlib.Path | None) -> dict[str, str]:
    """The values in `env_file`, written as for `.env`, or those of the process where it is None.

    Raises:
        NoEnvironment: the file cannot be read.

    """
    if env_file is None:
        return dict(os.environ)
    try:
        with env_file.open(encoding="utf-8") as stream:
            found = dotenv.dotenv_values(stream=stream)
    except OSError as error:
        raise NoEnvironment(f"{env_file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoEnvironment(f"{env_file}: is not UTF-8 text") from None
    return {name: value for name, value in found.items() if value is not None}
