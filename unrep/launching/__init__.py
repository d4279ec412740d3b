"""Starting a program in the current version, for `unrep run`.

On Windows the program ends with this process.
"""
