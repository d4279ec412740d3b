"""From a bundle and what is installed to a complete, verified tree: choice, plan, preflight, reconstruction.

It writes to staging only. The running version is read and never touched.
"""
