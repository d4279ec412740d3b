"""The VMS site: settings and addresses."""
