"""Names the cache of upstream's trees and its key: a hash of the patches and of what is asked for.

Reads ACTION_PATH, RUNNER_TEMP, RUNNER_OS, INPUT_UPSTREAM, INPUT_PINS; gives to GITHUB_OUTPUT: cache, key, prefix.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def main() -> None:
    """Write the outputs."""
    cache = Path(os.environ["RUNNER_TEMP"]) / "yolopatch" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    # A job that asks for one YOLO leaves the trees of that one: a cache that is hit is not saved again.
    asked = hashlib.sha256(repr([os.environ["INPUT_UPSTREAM"], os.environ["INPUT_PINS"]]).encode()).hexdigest()[:12]
    prefix = f"yolopatch-{os.environ.get('RUNNER_OS', 'unknown')}-{asked}-"
    key = prefix + _patches(Path(os.environ["ACTION_PATH"]) / "patches")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"cache={cache}\nkey={key}\nprefix={prefix}\n")


def _patches(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


if __name__ == "__main__":
    main()
