"""The `unrep` command."""
