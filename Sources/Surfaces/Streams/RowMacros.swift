/// Makes a struct a row: its stored properties are columns, named in snake case (`authorID` is `author_id`), NOT NULL unless optional.
///
/// Types: `Int8` to `Int64`, `Int`, `Float`, `Double`, `Bool`, `String`, `Timestamp`, arrays and optionals of such, and other `@Row`
/// structs.
///
///     @Row struct Message {
///       var messageID: Int64
///       var content: String?
///       @EventTime var sentAt: Timestamp
///     }
///
/// Functions over rows get `Message.View`, whose properties read the columns of a batch at the time they are asked: a closure over a row
/// touches no more than it names, and nothing is boxed.
@attached(
  member,
  names: named(Reader), named(fields), named(eventTimeField), named(eventTime(of:)), named(field(of:)), named(append(_:to:at:)),
  named(appendFiller(to:at:)), named(encode(into:)), named(Columns), named(View))
@attached(extension, conformances: Row, names: named(init(decoding:)), named(init(_:)))
public macro Row() = #externalMacro(module: "MillraceMacros", type: "RowMacro")

/// The property of a `@Row` struct that is its event time. Its value is never below the event time of what a row is made of.
@attached(peer) public macro EventTime() = #externalMacro(module: "MillraceMacros", type: "PropertyMarkMacro")

/// The name of the column that a property of a `@Row` struct is, where it is not the property's own in snake case.
@attached(peer) public macro Column(_ name: String) = #externalMacro(module: "MillraceMacros", type: "PropertyMarkMacro")
