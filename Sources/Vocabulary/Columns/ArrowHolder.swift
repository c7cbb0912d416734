import CMillraceArrow

/// Owns one `struct ArrowSchema` of the C Data Interface: releases its content, if there is any, when it goes.
///
/// `address` may be handed to C code that fills it or takes its content over (and then sets `release` to NULL). Not thread safe.
public final class ArrowSchemaHolder {
  let content: UnsafeMutablePointer<ArrowSchema>
  public var address: UnsafeMutableRawPointer { UnsafeMutableRawPointer(content) }

  public init() {
    content = .allocate(capacity: 1)
    content.initialize(to: ArrowSchema())
  }

  deinit {
    content.pointee.release?(content)
    content.deallocate()
  }
}

/// Owns one `struct ArrowArray`, as `ArrowSchemaHolder` does a schema.
public final class ArrowArrayHolder {
  let content: UnsafeMutablePointer<ArrowArray>
  public var address: UnsafeMutableRawPointer { UnsafeMutableRawPointer(content) }
  /// Rows of the array held.
  public var length: Int { Int(content.pointee.length) }

  public init() {
    content = .allocate(capacity: 1)
    content.initialize(to: ArrowArray())
  }

  deinit {
    release()
    content.deallocate()
  }

  /// Lets the content go before the holder does.
  public func release() {
    content.pointee.release?(content)
    content.pointee.release = nil
  }
}
