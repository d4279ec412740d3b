"""What an agent says of its site, and to whom: receipts on their way home, trouble at rest, how the site stands.

Nothing here decides about a release. What it cannot say now, it says later.
"""
