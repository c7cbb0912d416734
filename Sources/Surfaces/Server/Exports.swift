// What users of the library see with one `import MillraceServer`: values, batches, the environment and the runtime's options.
@_exported public import MillraceColumns
@_exported public import MillraceEnvironment
@_exported public import MillraceRuntime
@_exported public import MillraceSystemEnvironment
@_exported public import MillraceTypes
