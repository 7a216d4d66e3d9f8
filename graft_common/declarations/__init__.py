"""Declarations: a method's types, docs, role, limits and access, as values, as XML and as checks of calls.

`types` has the type grammar, `model` the values, `literals` how defaults are written, `reader` and `writer` the XML,
`rules` what holds beyond the schema, `lifecycle` the order of releases, and `checking` the checks of arguments and
results. Nothing here knows files, gRPC or SQL.
"""
