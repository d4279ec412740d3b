"""repo.db: which releases, bundles and channels there are, and which of them are published.

Other parts of the program may add tables of their own. The tables here change through `database.Record` alone.
"""
