"""Archives opened: deflated members taken out, and put back bit for bit."""
