"""The agent as a service of the operating system: who starts it, under which account, and who may touch its site.

May be touched for another system, or for another way to start there. What the agent does is not decided here.
"""
