"""Ranges of a file over UDP, asked for by the ship, without sockets: spec/transfer.md, section 17.

`session` is the ship's side, `answering` the server's. Both take datagrams in and give datagrams out. Time and
addresses are told to them, so that days of weather pass in milliseconds.
"""
