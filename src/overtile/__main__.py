"""`python -m overtile` is the same as `overtile`."""

from overtile.cli.main import main

main()
