"""What a bundle says of itself, as plain data for `unrep inspect`.

Reads bundles with `bundle.read`; prints nothing.
"""
