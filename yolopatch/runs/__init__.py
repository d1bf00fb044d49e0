"""One training run: its folder, upstream's program in a process of its own, results in one shape for all YOLOs."""
