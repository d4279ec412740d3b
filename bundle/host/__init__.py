"""The operating system, for all packages: files and directories by descriptor [A-110], never through a link.

All that writes, makes, removes or changes modes goes through here. `tests/architecture/test_files.py` checks that.
"""
