"""Keys, signatures, trust roots, revocations and heartbeats: spec/trust.md.

Verification raises. It never answers yes or no, which a caller could forget to look at. Nothing here touches a site.
"""
