// What the code that `@Row` writes names; it says `MillraceRows.` before each, so that a user imports nothing for it.
@_exported public import MillraceColumns
@_exported public import MillraceTypes
