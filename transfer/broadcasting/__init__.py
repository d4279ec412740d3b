"""A bundle to many ships at once, one way: coded blocks in datagrams, over UDP multicast (extra `unrep[broadcast]`)."""
