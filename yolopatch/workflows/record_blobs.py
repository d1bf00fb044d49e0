"""For maintainers: record the blob ids of a pin, so that a package can be compared with it file by file.

python -m yolopatch.workflows.record_blobs v8 8.3.21 [REMOTE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.errors import RequestError, YolopatchError
from yolopatch.sources import Cache, obtain, write_blobs
from yolopatch.workflows.source import git_source


def record(yolo: str, pin_name: str, remote: str | None, reporter: Reporter) -> Path:
    """Fetch the pin with git and write `patches/<yolo>/<pin>.blobs`; the file.

    Raises:
        RequestError: there is no such pin, or it has no git origin.
        EnvironmentFailed: it cannot be fetched.
    """
    catalog = Catalog()
    upstream = catalog.upstream(yolo)
    pin = catalog.pin(upstream, pin_name)
    source = git_source(upstream, pin, remote)
    if source is None:
        raise RequestError(f"pin {pin.name} has no git origin, so there is nothing to compare a package with")
    tree = obtain("git", source, None, cache=Cache.default(), reporter=reporter)
    file = catalog.patches / yolo / f"{pin.name}.blobs"
    write_blobs(file, tree.entries)
    return file


def main() -> int:
    """Parse the three words of the command line."""
    if len(sys.argv) not in (3, 4):
        print((__doc__ or "").strip(), file=sys.stderr)
        return 2
    try:
        print(record(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else None, Reporter()))
    except YolopatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
