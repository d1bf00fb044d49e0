"""The parts of benchmarks/small_objects.py."""
