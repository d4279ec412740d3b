"""Building: from two trees to a signed bundle; matching, encoding, framing, signing, encrypting.

Only shore imports it. Output depends on the input alone, never on workers, cores or order.
"""
