"""The steps that bring a database to this release's shape."""
