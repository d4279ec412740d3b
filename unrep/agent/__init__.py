"""The unattended ship: `unrep agent`."""
