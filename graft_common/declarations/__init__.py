"""Declarations: a method's types, docs, role, limits and access, as values, as XML and as checks of calls.

`types` has the type grammar, `model` the values, `literals` how defaults are written, `reader` and `writer` the XML,
`quick_form` and `schema_findings` the look at a document's form, `rules` and `lifecycle` what holds beyond the schema,
`checking` the checks of arguments and results, and the modules `xenapi_*` xapi's published datamodel. `settling` says
which files of a directory count, `joining` who has a method that several bring; `api` is what comes of it, and
`platform` what the built-in methods add. `packing` keeps declarations for the next start. Nothing here knows folders,
gRPC or SQL.
"""
