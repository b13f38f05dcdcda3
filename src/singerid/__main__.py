"""`python -m singerid`: the command line."""

from singerid.cli import main

if __name__ == "__main__":
    main()
