"""What upstream prints while it trains."""

from __future__ import annotations

import pytest

from yolopatch.runs.progress import Bar, Header, Reader, Terms

V5 = "        2/4      1.24G    0.05446   0.009981    0.02708          9         64:  50%|█████     | 3/6 00:00"
V7 = "       2/4     1.24G    0.0546  0.001386   0.01174   0.06773         9        64:  50%|#####     | 3/6 [00:01]"
V8 = "\x1b[K        3/5      1.24G     0.1398     0.4004    0.08268          9         64:  50%|█████     | 3/6"
NEW = "\x1b[K        3/5      1.24G     0.1398     0.4004    0.08268          9         64: 50% ━━━──── 3/6 2.1it/s"


@pytest.mark.parametrize("line", [V5, V7, V8, NEW])
def test_each_upstreams_bar_gives_epoch_memory_and_share(line):
    (bar,) = Reader(5).feed(line + "\r")
    assert isinstance(bar, Bar)
    assert (bar.epoch, bar.memory, bar.share) == (3, 1_240_000_000, 0.5)
    assert float(bar.losses[0]) > 0


def test_a_line_counts_when_it_is_whole_however_it_is_cut():
    said = []
    reader = Reader(5)
    for char in f"{V5}\n{V7}\n":
        said += reader.feed(char)
    assert [type(one) for one in said] == [Bar, Bar]


def test_headers_and_the_supervisions_line_are_known():
    text = (
        "      Epoch    GPU_mem   box_loss\n     Epoch   gpu_mem       box\n"
        "supervision: epoch 3/5 rec_loss 0.5123 img_loss 0.3014 (columns 1 2: rec 0.61 0.52, img 0.31 0.30)\n"
    )
    first, second, terms = Reader(5).feed(text)
    assert first == second == Header()
    assert terms == Terms(3, {"rec_loss": 0.5123, "img_loss": 0.3014})


def test_other_lines_say_nothing():
    text = f"all 8 16 0.1 0.2\n1/2\nimages 3/4 done\n{'x' * 10000}\n50%\n\x1b[1m\n"
    assert Reader(5).feed(text) == []
