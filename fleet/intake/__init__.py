"""How receipts come in: from folders, archives, mailboxes and requests, proven, each once.

`taking.py` is the story. What comes may be anybody's: everything here is bounded. spec/fleet.md, section 2.
"""
