"""The mate's page, on this machine alone: how it stands in one sentence, and three buttons behind a PIN.

May be touched for what the page says, shows or lets one do. It needs no script and no other host.
"""
