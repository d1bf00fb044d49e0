"""A grid of training runs: the file that describes it, its folder on disk, who runs it, and what came of it."""
