"""What runs inside the patched tree, in a process of its own.

These files import the standard library, torch, what upstream itself needs, and each other:
yolopatch need not be installed in the interpreter that runs them.
"""
