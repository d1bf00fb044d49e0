"""Gives the outputs of a report of `yolopatch validate --json` to GITHUB_OUTPUT: report, junit, failed.

Arguments: REPORT JUNIT. A request that was refused has no cells but an error, which becomes an annotation.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(report: str, junit: str) -> None:
    """Write the outputs."""
    try:
        document = json.loads(Path(report).read_text(encoding="utf-8"))
    except ValueError:
        document = {}
    if "error" in document:
        message = document["error"]["message"].replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::error title=yolopatch validate::{message}")
    failed = document.get("counts", {}).get("failed", "")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"report={report}\njunit={junit}\nfailed={failed}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
