"""`python -m unrep`."""

from unrep.cli import main

if __name__ == "__main__":
    main()
