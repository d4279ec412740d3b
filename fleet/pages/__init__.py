"""The office's pages, for a browser, for Prometheus, and for ships that post their receipts.

Pages read; two forms change something, for who may. Nothing needs a script, and nothing comes from elsewhere.
spec/fleet.md, section 5.
"""
