"""Stock YOLOs against RevCol of like size on the demo set: small digits on photographs, from scratch, on a CPU.

What is trained stands in benchmarks/small_objects/design.yaml. A run that is finished is a line of
benchmarks/small_objects/records.jsonl and is not trained again, so that this can be stopped and started as one
likes; delete a line to repeat its run. The score is that of upstream's own validation, and of COCO's rules, on the
test split, which chooses nothing: weights are kept by the validation split.

    python benchmarks/small_objects.py --work FOLDER --jobs 2   # train what is missing
    python benchmarks/small_objects.py --report                 # print the tables, draw the curves
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from small_objects.design import load_design
from small_objects.figure import draw
from small_objects.records import Records
from small_objects.report import report
from small_objects.training import train_all

HERE = Path(__file__).resolve().parent
FIGURE = HERE.parent / "docs" / "small-objects.svg"


def main() -> int:
    """Train what is missing, or report what is there."""
    options = _options()
    design = load_design(HERE / "small_objects" / "design.yaml")
    records = Records(HERE / "small_objects" / "records.jsonl")
    if options.report:
        print(report(design, records.all()))
        draw(design, records.all(), options.figure)
        print(f"curves: {options.figure}", file=sys.stderr)
        return 0
    yolos, arms = (set(chosen or ()) for chosen in (options.yolo, options.arm))
    wanted = [run for run in design.runs() if (not yolos or run.yolo in yolos) and (not arms or run.arm in arms)]
    return train_all(design, wanted, records, options.work.absolute(), options.jobs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("small-objects"), help="folder of data set and workspaces")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one core; default: 1")
    parser.add_argument("--yolo", nargs="+", help="only these; default: all")
    parser.add_argument("--arm", nargs="+", help="only these arms of the design; default: all")
    parser.add_argument("--report", action="store_true", help="train nothing: print the tables and draw the curves")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where the curves are drawn")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
