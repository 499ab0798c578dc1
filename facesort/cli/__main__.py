"""`python -m facesort.cli` is the `facesort` command."""

from facesort.cli import main

main()
