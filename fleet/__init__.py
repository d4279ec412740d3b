"""The fleet office ashore: what ships say they run, and how the next release goes out to them, ring by ring.

It needs the extra `unrep[fleet]`. `intake/taking.py` and `rollout/advancing.py` are the stories. Nothing here runs
aboard. spec/fleet.md.
"""
