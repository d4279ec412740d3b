"""Whether this machine can do what unrep promises: `unrep selftest`."""
