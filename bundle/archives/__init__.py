"""Archives opened and closed again to the byte: members, skeletons, deflate engines. spec/format.md, section 9.

spec/format.md, section 9. What cannot be put together to the same bytes is not taken apart.
"""
