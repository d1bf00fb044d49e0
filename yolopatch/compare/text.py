"""A comparison as text: cells for a table on a terminal, CSV, LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from yolopatch.compare.columns import GROUPS, Column, Value, columns_of, value_of
from yolopatch.compare.comparison import Comparison, Member
from yolopatch.compare.model import Document
from yolopatch.compare.schedule import FIRST_WARMUP
from yolopatch.compare.strings import explained, label, note, say

NONE = "-"
_FACTS = ("model", "yolo", "pin", "variant", "head", "form", "classes", "commit")
_FIRST_LINE = r"% \usepackage{booktabs,graphicx}"
Table = tuple[str, tuple[str, ...], list[tuple[str, ...]], list[str]]
"""A title, a header, rows, and a line for each column on how it was measured."""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
}


def number(value: float, digits: int) -> str:
    """A number with a column's digits, more where it would be lost in them."""
    return f"{value:.{digits}f}" if value == 0 or abs(value) >= 10**-digits else f"{value:.2g}"


def cell(comparison: Comparison, column: Column, member: Member) -> str:
    """`12.3 [12.1-12.9] x1.05`."""
    value = value_of(comparison, column, member)
    if value is None:
        return NONE
    text = number(value.number, column.digits)
    if value.low is not None and value.high is not None and value.count > 1:
        text += f" [{number(value.low, column.digits)}-{number(value.high, column.digits)}]"
    return text + (f" x{value.ratio:.2f}" if value.ratio is not None else "")


def tables(comparison: Comparison) -> list[Table]:
    """One table a group of columns, so that they fit on a terminal."""
    found = []
    every = columns_of(comparison)
    for group in GROUPS:
        columns = [column for column in every if column.group == group]
        if columns:
            header = ("MODEL", *(label(column) for column in columns))
            rows = [
                (member.name, *(cell(comparison, column, member) for column in columns))
                for member in comparison.members
            ]
            found.append((say("en", f"group_{group}"), header, rows, explanations(columns)))
    return found


def remarks(comparison: Comparison, language: str = "en") -> list[str]:
    """The baseline, the turns, the machines, and what else must be known."""
    lines = [say(language, "baseline", name=comparison.baseline.name), *turns(comparison, language)]
    lines += [where(comparison, document, language) for document in comparison.documents if document.machine]
    return [*lines, *(note(one, language) for one in comparison.notes())]


def turns(comparison: Comparison, language: str = "en") -> list[str]:
    """How measurements were interleaved, each way once."""
    ways = dict.fromkeys((one.how.rounds, one.how.seconds) for one in comparison.documents)
    return [
        say(language, "how_turns", rounds=rounds, seconds=f"{seconds:g}", warmup=FIRST_WARMUP)
        for rounds, seconds in ways
    ]


def where(comparison: Comparison, document: Document, language: str = "en") -> str:
    """The machine of a document, with its letter where there are several."""
    machine = document.machine
    if machine is None:
        return ""
    load = f"{min(document.load):g}-{max(document.load):g}" if document.load else NONE
    device = f"{machine.device} ({machine.gpu})" if machine.gpu else machine.device
    facts = machine.model_dump(exclude={"device", "gpu", "host"})
    text = say(language, "how_machine", **facts, device=device, date=document.made, load=load)
    mark = comparison.mark(machine)
    return f"{say(language, 'machine')} {mark}: {text}" if mark else f"{say(language, 'machine')}: {text}"


def to_csv(comparison: Comparison) -> str:
    """A row a model. Each number has its low and high end, count and ratio beside it where there are any."""
    columns = columns_of(comparison)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    how_names = ["machine", "host", "cpu", "device", "threads", "torch", "date", "rounds", "sittings", "baseline"]
    fields = [f"{column.key}{end}" for column in columns for end in ("", "_low", "_high", "_count", "_ratio")]
    writer.writerow([*_FACTS, *fields, *how_names])
    for member in comparison.members:
        entry, document = member.entry, member.document
        machine = document.machine
        numbers = [one for column in columns for one in _fields(value_of(comparison, column, member))]
        sittings = max(len(document.sittings), 1)
        facts = [machine.host, machine.cpu, machine.gpu or machine.device, machine.threads, machine.torch] if machine else [""] * 5  # fmt: skip # noqa: E501
        writer.writerow(
            [*(getattr(entry, "name" if name == "model" else name) for name in _FACTS), *numbers,
             member.mark, *facts, document.made, document.how.rounds, sittings, comparison.baseline.name]
        )  # fmt: skip
    return out.getvalue()


def is_ours(text: str) -> bool:
    """Whether a file begins as the CSV or the LaTeX of a comparison does."""
    return text.startswith((",".join(_FACTS) + ",", f"{_FIRST_LINE}\n\\begin{{table}}\n"))


def _fields(value: Value | None) -> list[str]:
    if value is None:
        return [""] * 5
    ends = ["" if one is None else f"{one:.6g}" for one in (value.low, value.high)]
    ratio = "" if value.ratio is None else f"{value.ratio:.4f}"
    return [f"{value.number:.6g}", *ends, str(value.count), ratio]


def to_latex(comparison: Comparison) -> str:
    """Booktabs tables below each other, and how everything was measured; needs booktabs and graphicx."""
    columns = columns_of(comparison)
    parts = [
        [column for column in columns if column.group in groups and column.by_part == by_part]
        for groups, by_part in _TOGETHER
    ]
    caption = " ".join(remarks(comparison))
    notes = " ".join(explanations(columns))
    return "\n".join(
        [
            _FIRST_LINE,
            r"\begin{table}",
            r"\centering",
            *(line for part in parts if part for line in _tabular(comparison, part)),
            rf"\caption{{{escape(caption)}}}",
            rf"\par\smallskip\begin{{minipage}}{{\linewidth}}\footnotesize {escape(notes)}\end{{minipage}}",
            r"\end{table}",
            "",
        ]
    )


def explanations(columns: Iterable[Column]) -> list[str]:
    """Sentences on how columns were measured, each with the names of its columns."""
    return [f"{'; '.join(label(one) for one in about)}: {sentence}" for about, sentence in explained(columns)]


def _tabular(comparison: Comparison, columns: list[Column]) -> list[str]:
    rows = []
    for member in comparison.members:
        cells = [_latex_cell(value_of(comparison, column, member), column) for column in columns]
        rows.append(" & ".join([escape(member.name), *cells]) + r" \\")
    return [
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\toprule",
        _groups(columns),
        _rules(columns),
        " & ".join(["Model", *(_header(column) for column in columns)]) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}\par\medskip",
    ]


_TOGETHER = (
    (("model", "operations", "speed"), False),
    (("model", "operations"), True),
    (("training", "onnx"), False),
    (("accuracy",), False),
)


def _groups(columns: list[Column]) -> str:
    cells = [
        rf"\multicolumn{{{count}}}{{c}}{{{escape(say('en', f'group_{group}'))}}}" for group, count in _counts(columns)
    ]
    return " & ".join(["", *cells]) + r" \\"


def _rules(columns: list[Column]) -> str:
    rules, start = [], 2
    for _, count in _counts(columns):
        rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        start += count
    return " ".join(rules)


def _counts(columns: list[Column]) -> list[tuple[str, int]]:
    counts = [(group, sum(column.group == group for column in columns)) for group in GROUPS]
    return [(group, count) for group, count in counts if count]


def _header(column: Column) -> str:
    """On two or more lines: the name's parts, and the unit."""
    parts = [part.strip() for part in label(column, unit=False).split(",")]
    lines = [escape(part) for part in [*parts, f"({column.unit})"]]
    return r"\begin{tabular}[b]{@{}r@{}}" + r"\\".join(lines) + r"\end{tabular}"


def _latex_cell(value: Value | None, column: Column) -> str:
    if value is None:
        return "--"
    text = number(value.number, column.digits)
    if value.low is not None and value.high is not None and value.count > 1:
        text += rf" {{\scriptsize [{number(value.low, column.digits)}--{number(value.high, column.digits)}]}}"
    return text + (rf" {{\scriptsize $\times${value.ratio:.2f}}}" if value.ratio is not None else "")


def escape(text: str) -> str:
    """Plain text for LaTeX, in ASCII and the Latin letters that any engine sets."""
    text = "".join(_ESCAPES.get(char, char) for char in text)
    return re.sub(r"[^\x00-\x7f]", "?", text.replace("–", "--"))
