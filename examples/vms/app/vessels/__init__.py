"""The fleet: where each vessel is and where she is bound."""
