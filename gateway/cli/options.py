"""Options of a command line that take one value: who gives two has made a mistake, and neither is taken for right."""

import argparse
from collections.abc import Sequence
from typing import Any


class Single(argparse.Action):
    """Stores the value; an option that is given again is an error that names it."""

    _given_in: argparse.Namespace | None = None

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse's signature, as the next but one
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """As argparse calls it.

        Raises:
            argparse.ArgumentError: it was given before.

        """
        if self.option_strings and self._given_in is namespace:
            raise argparse.ArgumentError(self, "given twice, and it takes one value")
        self._given_in = namespace
        setattr(namespace, self.dest, values)


def once(parser: argparse.ArgumentParser) -> None:
    """Let the options that are declared from now on, and take one value, be given once."""
    parser.register("action", None, Single)
