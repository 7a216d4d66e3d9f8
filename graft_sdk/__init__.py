"""Makes client libraries ("SDKs") in several languages from what a platform offers.

    Api (graft_common.declarations.api)
      -> view.ApiView      the same in all languages: classes, methods, types, errors, with the language's names
      -> a Language        which templates make which files, what types and literals look like
      -> generation        path -> bytes
      -> output_folder     of graft_cli: files in a directory, replaced as a whole

Each language is a folder in `graft_sdk/languages`, found by looking; its README is the docstring of that package.
"""

from __future__ import annotations

from graft_sdk.examples import LANGUAGES, example
from graft_sdk.generation import Options, generate
from graft_sdk.languages import find, names

__all__ = ["LANGUAGES", "Options", "example", "find", "generate", "names"]
