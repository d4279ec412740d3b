"""Keys, signatures, trust roots, revocations and heartbeats: spec/trust.md.

Verification raises and never answers yes or no. Nothing here touches a site.
"""
