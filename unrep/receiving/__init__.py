"""What `fetch`, `listen`, `plan` and the agent must know of the site for which they receive a bundle.

What it holds, whom it trusts, whose ticket it needs, when it may use the link, and how fast that is.
"""
