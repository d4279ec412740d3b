"""Where bundles are published: one module for each kind of shelf."""
