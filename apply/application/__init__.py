"""The application of a site: preparing, stopping, starting and asking it.

Every command runs with its deadline and its environment from here. Nothing here changes the site's state.
"""
