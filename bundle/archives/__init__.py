"""Archives opened and closed again to the byte: members, skeletons, deflate engines. spec/format.md, section 9.

What cannot be closed to the same bytes stays shut.
"""
