"""`unrep serve`: a small web server for one directory of published files.

It shows what unrep publishes and nothing else. It trusts no client.
"""
