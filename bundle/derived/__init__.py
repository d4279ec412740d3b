"""Objects that follow from others: what a rule makes of an object, and how it is made complete again.

A rule is small and total. It works on bytes, takes time in proportion to them, and says where it does not apply.
spec/rules.md.
"""
