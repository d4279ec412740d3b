"""Building: from two trees to a signed bundle. Matching, encoding, framing, signing, encrypting.

Used ashore alone. The output depends on the input, never on workers, cores or order.
"""
