"""`gateway openapi`: the OpenAPI document that this version serves."""

import argparse
import json
import pathlib
import sys
from typing import Any

from gateway.api.description import document as openapi
from gateway.api.routes import routes


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "openapi",
        help="print the OpenAPI document of the gateway's routes",
        description="Print the OpenAPI 3.1 document that a gateway of this version serves at /openapi.json. It needs "
        "no settings and is the same for every policy.",
        epilog="example: gateway openapi --server https://gateway.example.com --output openapi.json",
    )
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", help="write it there (default: standard output)")
    parser.add_argument("--server", metavar="URL", default="/", help="the gateway's address (default: %(default)s)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    text = json.dumps(openapi.document(routes(), server=arguments.server), indent=2) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        arguments.output.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"gateway openapi: {arguments.output}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0
