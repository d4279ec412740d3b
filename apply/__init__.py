"""What happens aboard: update, rollback, recovery, trial, retention, hold, heartbeat. spec/apply.md.

Here stands what a site does, one module each. How it does that is in the packages below. Imports `bundle`, never
`transfer`.
"""
