"""What is told of a run: its record, receipts, logs, history and metrics.

Writing these never decides a run, and a failure to write them is said.
"""
