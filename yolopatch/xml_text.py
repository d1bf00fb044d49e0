"""Text for XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

# XML 1.0 has no way to write most control characters, not even escaped; upstream logs hold colour codes.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(value: str) -> str:
    """`value` with a question mark for each character that XML cannot hold."""
    return _UNWRITABLE.sub("?", value)


def document(root: ET.Element) -> str:
    """The whole XML document, indented."""
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
