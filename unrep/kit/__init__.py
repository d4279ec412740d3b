"""A kit: a folder that holds unrep and a Python of its own, for machines that have neither Python nor a registry.

`building.py` is the story. The folder's bytes follow from the locks in `locks/` and from this program alone. A kit is a
release of the product `unrep`, and reaches ships as any other. spec/kit.md.
"""
