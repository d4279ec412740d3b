"""What commands share at the terminal: options, progress, reports, and prompts.

Only `console` writes to the streams. Nothing here knows a single command.
"""
