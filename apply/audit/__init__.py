"""What is reported of a run: its record, receipts, logs, history and metrics.

Writing these never fails a run. A failure to write them is reported.
"""
