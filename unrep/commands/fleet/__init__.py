"""Commands of the fleet office: what ships run, and how the next release goes out to them.

They need the extra `unrep[fleet]`, so each is imported when it is called for.
"""
