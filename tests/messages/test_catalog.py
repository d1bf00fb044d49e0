"""The catalogs agree with the sources, and every translation is complete and comes back from its message."""

from __future__ import annotations

from string import Formatter

import polib
import pytest

from yolopatch.messages.extract import COMMAND, messages, updated
from yolopatch.messages.language import catalog_file, catalog_names
from yolopatch.messages.translate import translator

WORDS = ("Anna", "Berta", "Carla", "Dora", "Emil", "Fritz", "Gustav", "Hanna")


@pytest.fixture(scope="module", params=catalog_names())
def name(request):
    return request.param


@pytest.fixture(scope="module")
def catalog(name):
    return polib.pofile(str(catalog_file(name)))


def placeholders(text):
    return sorted(number for _, number, _, _ in Formatter().parse(text) if number is not None)


def test_the_catalog_has_the_messages_of_the_sources(name):
    file = catalog_file(name)
    wanted = f"{updated(file, name, messages())}\n"
    assert file.read_text(encoding="utf-8") == wanted, (
        f"the messages have changed; run {COMMAND}, and translate new ones"
    )


def test_every_message_is_translated(catalog):
    assert not [entry.msgid for entry in catalog if not entry.msgstr or entry.fuzzy]


def test_every_translation_has_the_placeholders_of_its_message(catalog):
    for entry in catalog:
        assert placeholders(entry.msgid) == placeholders(entry.msgstr), entry.msgid


def test_a_translation_begins_and_ends_like_its_message(catalog):
    for entry in catalog:
        assert "\n" not in entry.msgstr, entry.msgid
        assert entry.msgid.startswith("  ") == entry.msgstr.startswith("  "), entry.msgid
        assert entry.msgid.count("`") == entry.msgstr.count("`"), entry.msgid


def test_a_translation_names_the_options_and_commands_of_its_message(catalog):
    for entry in catalog:
        for word in entry.msgid.replace(",", " ").replace(";", " ").split():
            option = word.strip("().:'?")
            if option.startswith("--") and option.count("-") < len(option):
                assert option in entry.msgstr, entry.msgid
        assert entry.msgid.count("yolopatch ") == 0 or "yolopatch" in entry.msgstr, entry.msgid


def test_every_message_is_found_by_its_own_template(name, catalog):
    translate = translator(name).translate
    for entry in catalog:
        if entry.msgctxt is None:
            wanted = entry.msgstr.format(*WORDS)
            assert translate(entry.msgid.format(*WORDS)).replace(" ", "") == wanted.replace(" ", ""), entry.msgid


def test_what_stands_in_a_message_is_found_inside_it(name, catalog):
    match = translator(name).match
    for entry in catalog:
        if entry.msgctxt is not None:
            text = entry.msgid.format(*WORDS)
            template, values = match(text, inside=entry.msgctxt)
            assert (template, values) == (entry.msgid, list(WORDS[: len(values)])), entry.msgctxt
