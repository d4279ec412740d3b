"""`unrep selftest`: whether this machine can do what a ship needs.

Works on scratch files; never touches a site's versions.
"""
