"""One fetch from start to end: the request, the header, the pieces, the finished file. spec/transfer.md.

It joins scheduling and disk; policy belongs to the first, bytes to the second.
"""
