"""Brings the catalogs up to date with the sources: `python -m yolopatch.messages.extract`.

New messages are added without a translation, messages that are gone are removed, all others keep what they have.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polib

from yolopatch.messages.language import catalog_file, catalog_names
from yolopatch.messages.others import MESSAGES
from yolopatch.messages.sources import Found, Sources, Template

COMMAND = "python -m yolopatch.messages.extract"
_WIDTH = 100
_HEADER = "Translations of the errors of yolopatch.\nWritten by {0}; only msgstr is written by hand."
_METADATA = {
    "Project-Id-Version": "yolopatch",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}


def messages() -> list[Found]:
    """Every message that there is: those of our sources, then those of others."""
    found = Sources().messages()
    known = {one.template.key for one in found}
    for owner, texts in MESSAGES.items():
        found += [
            Found(Template(text, (), context), {owner}) for context, text in texts if (context, text) not in known
        ]
    return found


def updated(file: Path, name: str, found: list[Found]) -> polib.POFile:
    """The catalog called `name` with the messages `found` and the translations that `file` has of them."""
    have = {(one.msgctxt, one.msgid): one.msgstr for one in polib.pofile(str(file))} if file.is_file() else {}
    catalog = polib.POFile(wrapwidth=_WIDTH)
    catalog.header = _HEADER.format(COMMAND)
    catalog.metadata = {**_METADATA, "Language": name}
    for one in found:
        template = one.template
        catalog.append(
            polib.POEntry(
                msgctxt=template.context,
                msgid=template.text,
                msgstr=have.get(template.key, ""),
                comment="\n".join(f"{{{n}}}: {told}" for n, told in enumerate(template.expressions)),
                occurrences=[(file, "") for file in sorted(one.files)],
                flags=["python-brace-format"] if "{" in template.text else [],
            )
        )
    return catalog


def main() -> None:
    """Update all catalogs; the exit code is 1 where translations are missing."""
    found = messages()
    missing = 0
    for name in catalog_names():
        file = catalog_file(name)
        catalog = updated(file, name, found)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(catalog) + "\n", encoding="utf-8", newline="\n")
        lacking = catalog.untranslated_entries()
        missing += len(lacking)
        print(f"{file}: {len(catalog)} messages, {len(lacking)} without a translation")
        for one in lacking:
            print(f"  {one.msgid}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
