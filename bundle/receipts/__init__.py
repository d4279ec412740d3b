"""Receipts: what a ship says of itself, signed, in at most 300 bytes. spec/receipts.md.

Nothing here knows a site. Aboard, `apply` writes receipts by it; ashore, `unrep receipt` and the fleet office read
them: from files, folders and zips, thousands at once, by the chains of their sites.
"""
