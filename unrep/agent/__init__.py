"""`unrep agent`: a site that fetches and applies by itself.

One loop over the same stories that commands use; it decides when, never how.
"""
