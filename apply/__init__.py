"""Aboard: the stories of a site: update, rollback, recovery, trial, retention, hold, heartbeat. spec/apply.md.

Stories only; what they are told with is in the rooms. Imports `bundle`, never `transfer`.
"""
