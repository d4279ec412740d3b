"""How one object is told from another: anchors, bsdiff, patches chosen by cost.

Encoders and their decoders side by side. What is written is found in `bundle.write`.
"""
