"""One module for each `unrep` command."""
