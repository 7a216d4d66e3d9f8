"""Declarations: a method's types, docs, role, limits and access, as values, as XML and as checks of calls.

`types` has the type grammar, `model` the values, `literals` how defaults are written, `reader` and `writer` the XML,
`rules` and `lifecycle` what holds beyond the schema, `checking` the checks of arguments and results, and the modules
`xenapi_*` xapi's published datamodel. Nothing here knows folders, gRPC or SQL.
"""
