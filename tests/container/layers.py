"""What an image is made of: every file of every layer, those that a later layer hides included."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Layers:
    """The files of an image as `save` writes it."""

    names: frozenset[str]
    """Paths without the slash before them."""

    leaks: frozenset[str]
    """Where one of the words stands that were looked for."""

    sizes: dict[str, int] = field(default_factory=dict)


def read(archive: bytes, *words: bytes) -> Layers:
    """Read a saved image and look for `words` in names and contents."""
    sizes: dict[str, int] = {}
    leaks: set[str] = set()
    for name, content in _files(archive):
        sizes[name] = len(content)
        leaks |= {name for word in words if word in content or word in name.encode()}
    return Layers(frozenset(sizes), frozenset(leaks), sizes)


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        for member in outer:
            content = _content(outer, member)
            raw = gzip.decompress(content) if content.startswith(_GZIP) else content
            try:
                layer = tarfile.open(fileobj=io.BytesIO(raw))  # noqa: SIM115 - closed below, where it is one
            except tarfile.ReadError:
                yield f"(image) {member.name}", content  # its configuration and history
                continue
            with layer:
                for inner in layer:
                    yield inner.name.removeprefix("./"), _content(layer, inner)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    found = archive.extractfile(member) if member.isfile() else None
    return found.read() if found is not None else b""
