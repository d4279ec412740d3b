"""What the office sees: how each ship stands, what ships hold, what updates cost, and lists of all of it.

Everything here only reads. Commands and pages show the same reports. spec/fleet.md, section 3.
"""
