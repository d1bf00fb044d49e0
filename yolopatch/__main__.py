"""`python -m yolopatch`."""

from yolopatch.cli.main import main

main()
