"""The links that read a source: HTTP, files and volumes behind one contract, and opening them by name.

A link may lie, stall or end. What it delivers is verified elsewhere.
"""
