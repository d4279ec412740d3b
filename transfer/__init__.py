"""From shore to ship: publishing, fetching over bad links, broadcasting, and media. spec/transfer.md.

Imports `bundle` alone. Rooms stand in floors; pyproject.toml holds them.
"""
