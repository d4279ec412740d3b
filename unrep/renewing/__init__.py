"""unrep as one of its own releases: a site of the product `unrep`, and what starts the version that is current there.

Nothing here updates anything: `launchers/` are the only files outside `versions/` that run, and they are text. They
call commands of two versions, so whatever they call keeps its meaning from one release to the next. spec/apply.md,
section 10.
"""
