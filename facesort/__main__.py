"""`python -m facesort` is the `facesort` command."""

from facesort.cli import main

if __name__ == "__main__":  # worker processes import this module, too
    main()
