"""Fetches what the book's pages need from npm, once: checked, cached, then offline."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

NPM = "https://registry.npmjs.org"


@dataclass(frozen=True)
class Package:
    """An npm package: the SHA-512 of its archive, and the files of it that the pages load."""

    name: str
    version: str
    integrity: str  # as npm writes it, base64
    files: tuple[str, ...]

    @property
    def archive(self):
        return f"{self.name.rpartition('/')[2]}-{self.version}.tgz"


MATHJAX = Package(
    "mathjax",
    "3.2.2",
    "sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    ("es5/tex-svg.js", "es5/input/tex/extensions/", "LICENSE"),
)


class Unreachable(Exception):
    """A package that is neither in the cache nor to be had; the text says what to do."""


def registry() -> str:
    """The address of npm's registry: what npm is set to where it is installed, else the public."""
    if address := os.environ.get("npm_config_registry"):
        return address.rstrip("/")
    npm = shutil.which("npm")
    if npm:
        said = subprocess.run(
            [npm, "config", "get", "registry"], capture_output=True, text=True, timeout=60
        )
        if said.returncode == 0 and said.stdout.strip().startswith("http"):
            return said.stdout.strip().rstrip("/")
    return NPM


def cache_folder() -> Path:
    """Where the archives stay: inside the environment that builds the book."""
    return Path(sys.prefix) / "book"


def is_right(data: bytes, integrity: str) -> bool:
    """Whether bytes have the hash that npm states for them.

    >>> is_right(b"", "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==")
    True
    """
    kind, _, expected = integrity.partition("-")
    return base64.b64encode(hashlib.new(kind, data).digest()).decode() == expected


def fetch(package: Package, cache: Path) -> Path:
    """The package's archive, from the cache or the registry. Raises Unreachable."""
    path = cache / package.archive
    if path.is_file() and is_right(path.read_bytes(), package.integrity):
        return path
    url = f"{registry()}/{package.name}/-/{package.archive}"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            data = answer.read()
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise Unreachable(
            f"{package.archive} could not be downloaded ({error}). It is needed once; with a "
            f"network run the same command again, or put the file into {cache}."
        ) from None
    if not is_right(data, package.integrity):
        raise Unreachable(f"{url} is not the file it should be: its SHA-512 differs.")
    cache.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def unpack(package: Package, archive: Path, folder: Path) -> None:
    """Write the files of the package that the pages load into a folder."""
    prefixes = tuple(f"package/{name}" for name in package.files)
    with tarfile.open(archive) as stream:
        for member in stream:
            if member.isfile() and member.name.startswith(prefixes):
                target = folder / member.name.removeprefix("package/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(stream.extractfile(member).read())
