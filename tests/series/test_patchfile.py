"""A patch file is read strictly: what no patch may do is refused with one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolopatch.errors import RequestError
from yolopatch.series.patchfile import parse_patch

HEADER = """From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: yolopatch <noreply@yolopatch.invalid>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: [PATCH] Say hello in a
 longer way

It must.

Kind: ours
Applies-to: v1..v2
License: GPL-3.0

"""
BODY = """diff --git a/models/a.py b/models/a.py
index 8baef1b4abc478178b004d62031cf7fe6db6f903..d95f3ad14dee633a758d2e331151e950dd13e4ed 100644
--- a/models/a.py
+++ b/models/a.py
@@ -1,2 +1,3 @@
 one
+two
 three
"""
FILE = Path("hello.patch")


def parse(text: str):
    return parse_patch(text.encode(), FILE)


def test_header_and_hunks_are_read():
    patch = parse(HEADER + BODY)
    assert patch.subject == "Say hello in a longer way"
    assert (patch.kind, patch.applies_to, patch.licence) == ("ours", "v1..v2", "GPL-3.0")
    (change,) = patch.changes
    assert change.path == "models/a.py"
    assert change.hunks[0].before == ("one", "three")


def test_a_new_and_a_deleted_file_are_read():
    text = """diff --git a/new.py b/new.py
new file mode 100644
index 0000000000000000000000000000000000000000..d95f3ad14dee633a758d2e331151e950dd13e4ed
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+x
diff --git a/old.py b/old.py
deleted file mode 100755
index d95f3ad14dee633a758d2e331151e950dd13e4ed..0000000000000000000000000000000000000000
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-x
"""
    new, old = parse(HEADER + text).changes
    assert (new.old, new.new) == (None, "new.py")
    assert (old.old, old.new) == ("old.py", None)


@pytest.mark.parametrize("key", ["Kind", "Applies-to", "License"])
def test_a_missing_trailer_is_named(key):
    lines = [line for line in HEADER.splitlines(keepends=True) if not line.startswith(key)]
    with pytest.raises(RequestError, match=f"lacks '{key}:'"):
        parse("".join(lines) + BODY)


def test_an_unknown_kind_is_refused():
    with pytest.raises(RequestError, match="expected one of upstreamable, environment, ours"):
        parse(HEADER.replace("Kind: ours", "Kind: mine") + BODY)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../a.py", "component '..'"),
        ("models/../../a.py", "component '..'"),
        ("/etc/passwd", "empty component|absolute"),
        (".git/hooks/post-commit", r"\.git"),
        (".GIT/config", r"\.git"),
        ("models/.g\u200cit/config", r"\.git"),
        ("git~1/config", r"\.git"),
        ("C:/windows/a.py", "drive letter"),
        ("models\\a.py", "backslash"),
        ("models//a.py", "empty component"),
    ],
)
def test_a_path_that_leaves_the_tree_is_refused(path, reason):
    with pytest.raises(RequestError, match=reason):
        parse(HEADER + BODY.replace("models/a.py", path))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("index 8baef1b4abc478178b004d62031cf7fe6db6f903", "new file mode 120000\nindex 8baef1b", "symbolic link"),
        ("index 8baef1b4abc478178b004d62031cf7fe6db6f903", "new file mode 160000\nindex 8baef1b", "submodule"),
        ("+++ b/models/a.py", "+++ b/models/b.py", "renames"),
        ("index 8baef1b4abc478178b004d62031cf7fe6db6f903", "similarity index 90%\nindex 8baef1b", "renames"),
        ("--- a/models/a.py\n+++ b/models/a.py\n", "GIT binary patch\n", "binary"),
        ("@@ -1,2 +1,3 @@", "@@ -1,20 +1,30 @@", "cut short|too early"),
        ("diff --git a/models/a.py b/models/a.py", "diff --git a/x.py b/models/a.py", "disagree"),
        ("d95f3ad14dee633a758d2e331151e950dd13e4ed 100644", "d95f3ad 120000", "mode 120000"),
    ],
)
def test_what_is_no_plain_text_change_is_refused(old, new, reason):
    assert old in BODY
    with pytest.raises(RequestError, match=reason):
        parse(HEADER + BODY.replace(old, new))


def test_two_patches_in_one_file_are_refused():
    with pytest.raises(RequestError, match="more than one patch"):
        parse(HEADER + BODY + HEADER + BODY)


def test_a_plain_diff_is_refused_with_the_way_out():
    with pytest.raises(RequestError, match="git format-patch"):
        parse(BODY)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_patch_or_one_line(data):
    try:
        parse_patch(data, FILE)
    except RequestError as error:
        assert "\n" not in str(error)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_to_a_patch_gives_a_patch_or_one_line(data):
    text = HEADER + BODY
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    damaged = text[:start] + data.draw(st.text(max_size=20)) + text[end:]
    try:
        parse_patch(damaged.encode("utf-8", "surrogateescape"), FILE)
    except RequestError as error:
        assert "\n" not in str(error)
    except UnicodeEncodeError:
        pass
