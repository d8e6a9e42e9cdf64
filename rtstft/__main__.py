"""`python -m rtstft` is the rtstft command."""

from rtstft.cli import main

if __name__ == "__main__":
    main()
