"""A folder that shows one tree after another."""

from __future__ import annotations

from yolopatch.drift.checkout import Checkout


def test_only_what_differs_is_read_and_what_is_gone_goes(tmp_path):
    store = {"1" * 40: b"one", "2" * 40: b"two", "3" * 40: b"three"}
    asked = []

    def read(blobs):
        asked.append(list(blobs))
        return {blob: store[blob] for blob in blobs}

    checkout = Checkout(tmp_path / "tree", read)
    checkout.show({"a/x.py": "1" * 40, "b.py": "2" * 40}, {"own.yaml": b"nc: 1\n"})
    assert (checkout.folder / "a/x.py").read_bytes() == b"one"
    assert (checkout.folder / "own.yaml").read_bytes() == b"nc: 1\n"
    checkout.show({"a/x.py": "1" * 40, "c.py": "3" * 40}, {"own.yaml": b"nc: 2\n"})
    assert asked == [["1" * 40, "2" * 40], ["3" * 40]]
    assert not (checkout.folder / "b.py").exists()
    assert (checkout.folder / "c.py").read_bytes() == b"three"
    assert (checkout.folder / "own.yaml").read_bytes() == b"nc: 2\n"


def test_a_file_of_ours_wins_over_upstreams_of_the_same_name(tmp_path):
    checkout = Checkout(tmp_path / "tree", lambda blobs: dict.fromkeys(blobs, b"theirs"))
    checkout.show({"m.yaml": "1" * 40}, {"m.yaml": b"ours"})
    assert (checkout.folder / "m.yaml").read_bytes() == b"ours"
    checkout.show({"m.yaml": "1" * 40}, {})
    assert (checkout.folder / "m.yaml").read_bytes() == b"theirs"
