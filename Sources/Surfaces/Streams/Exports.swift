// What users of the layers see with one `import MillraceStreams`: rows, values, the environment and the runtime's options.
@_exported public import MillraceRows
@_exported public import MillraceServer
