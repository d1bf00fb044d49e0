"""Text for XML."""

from __future__ import annotations

import re

# XML 1.0 has no way to write most control characters, not even escaped; upstream logs hold colour codes.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(value: str) -> str:
    """`value` with a question mark for each character that XML cannot hold."""
    return _UNWRITABLE.sub("?", value)
