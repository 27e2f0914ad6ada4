"""`python -m videobroker`."""

from videobroker.cli import main

if __name__ == "__main__":
    main()
