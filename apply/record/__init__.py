"""What a site knows: its state, in pure rules, and the database that keeps it.

State changes are values. Only `database` writes them, each in one transaction.
"""
