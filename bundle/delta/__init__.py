"""Delta encoding: what a new object shares with an old one, and how the difference is written.

Encoders and their decoders stand side by side. `bundle.write` decides which of them to use.
"""
