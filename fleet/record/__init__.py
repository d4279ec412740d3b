"""The record of a fleet: ships, their keys, what they said, rollouts, and who may see it. SQLite or PostgreSQL.

Only this room speaks SQL. Each change is one transaction. spec/fleet.md, section 1.
"""
