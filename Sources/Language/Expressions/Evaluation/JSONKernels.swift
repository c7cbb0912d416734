import MillraceColumns
import MillraceTypes

/// Functions of JSON text.
enum JSONKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    let type = context.type
    switch name {
    case "IS JSON VALUE": return test { _ in true }
    case "IS JSON SCALAR": return test { $0.isScalar }
    case "IS JSON ARRAY": return test { if case .array = $0 { true } else { false } }
    case "IS JSON OBJECT": return test { if case .object = $0 { true } else { false } }
    case "JSON_QUOTE":
      return KernelTable.strict(type) { v, n in
        let a = TextLane(v[0])
        return Loops.text(v, n) { i, out in
          JSONText.write(a[i], to: out)
          return true
        }
      }
    case "JSON_UNQUOTE": return KernelTable.strict(type, unquoted)
    case "JSON_STRING":
      return KernelTable.strict(type) { v, n in
        Loops.text(v, n) { i, out in
          JSONValueWriter.write(v[0].column, v[0].isConstant ? 0 : i, to: out)
          return true
        }
      }
    case "JSON_OBJECT": return built(context, isObject: true)
    case "JSON_ARRAY": return built(context, isObject: false)
    case "JSON_EXISTS", "JSON_VALUE", "JSON_QUERY": break
    default: return nil
    }
    guard case .text(let text)? = context.operands[1].literal else { return { _, _ in .null(type) } }
    let path = try JSONPath(text)
    switch name {
    case "JSON_EXISTS": return exists(path, context)
    case "JSON_VALUE": return value(path, context)
    default: return query(path, context)
    }
  }

  /// False for null, and for what is no JSON.
  private static func test(_ body: @escaping @Sendable (JSONDocument.Node) -> Bool) -> Kernel {
    { v, n in
      if v[0].isNullConstant { return Loops.boolean(Bitmap(repeating: false, count: n), validity: nil) }
      let a = TextLane(v[0])
      let validity = v[0].validity
      let bits = withExtendedLifetime(v) {
        Loops.bits(n) { (validity?[$0] ?? true) && (JSONDocument(a[$0]).map { body($0.root) } ?? false) }
      }
      return Loops.adding(v[0].faults, to: Loops.boolean(bits, validity: nil))
    }
  }

  /// What is no JSON string passes as it is.
  private static func unquoted(_ v: [Vector], _ n: Int) -> Vector {
    let a = TextLane(v[0])
    return Loops.text(v, n) { i, out in
      let text = a[i]
      if text.first == 34, let document = JSONDocument(text), case .string = document.root {
        document.root.writeScalar(to: out)
      } else {
        out.append(text)
      }
      return true
    }
  }

  private static func built(_ context: KernelContext, isObject: Bool) -> Kernel? {
    guard case .text(let flags)? = context.operands[0].literal else { return nil }
    let words = flags.split(separator: " ", omittingEmptySubsequences: false)
    let keepsNulls = words[0] == "NULL"
    let isJSON = words.count > 1 ? words[1].map { $0 == "j" } : []
    let reason = "a key of JSON_OBJECT is null, in \(context.text)"
    return { v, n in
      var collector = FaultCollector(n)
      let texts = v.map { vector -> TextLane? in if case .variable = vector.column.values { TextLane(vector) } else { nil } }
      let result = Loops.text([], n) { i, out in
        out.append(isObject ? 123 : 91)
        var isFirst = true
        for (place, isJSON) in isJSON.enumerated() {
          let at = isObject ? 2 * place + 2 : place + 1
          if v[at].isNull(i) && !keepsNulls { continue }
          if !isFirst { out.append(44) }
          isFirst = false
          if isObject {
            if v[at - 1].isNull(i) { collector.mark(i) } else if let key = texts[at - 1] { JSONText.write(key[i], to: out) }
            out.append(58)
          }
          if isJSON, !v[at].isNull(i), let text = texts[at] {
            out.append(text[i])
          } else {
            JSONValueWriter.write(v[at].column, v[at].isConstant ? 0 : i, to: out)
          }
        }
        out.append(isObject ? 125 : 93)
        return true
      }
      return Loops.adding(RowFaults.merged(Loops.faults(v), collector.faults(reason)), to: result)
    }
  }

  // MARK: paths

  /// What a path found in a text, or that there was an error.
  private enum Outcome {
    case found(JSONDocument.Node)
    case empty
    case failed
  }

  private static func look(_ text: Bytes, _ path: JSONPath) -> (outcome: Outcome, many: [JSONDocument.Node]?) {
    guard let document = JSONDocument(text) else { return (.failed, nil) }
    switch path.find(in: document.root) {
    case .missing: return (path.isLax ? .empty : .failed, nil)
    case .one(.null): return (.empty, nil)
    case .one(let node): return (.found(node), nil)
    case .many(let nodes): return (.found(.array(nodes)), nodes)
    }
  }

  private static func exists(_ path: JSONPath, _ context: KernelContext) -> Kernel {
    let onError = context.operands[2].literal
    let reason = "the text is no JSON or lacks the path, in \(context.text)"
    return { v, n in
      if v[0].isNullConstant { return .null(.boolean) }
      let a = TextLane(v[0])
      var collector = FaultCollector(n)
      let codes = Loops.rows([v[0]], n, .int8, zero: Int8(0)) { i -> Int8? in
        let (outcome, many) = look(a[i], path)
        switch outcome {
        case .found: return many.map { $0.isEmpty ? 0 : 1 } ?? 1
        case .empty: return 0
        case .failed:
          switch onError {
          case .text("TRUE"): return 1
          case .text("UNKNOWN"): return nil
          case .text("ERROR"):
            collector.mark(i)
            return 0
          default: return 0
          }
        }
      }
      let values = codes.column.pointer(Int8.self)
      let bits = withExtendedLifetime(codes) { Loops.bits(n) { values[$0] != 0 } }
      let result = Loops.boolean(bits, validity: codes.column.validity, faults: codes.faults)
      return Loops.adding(collector.faults(reason), to: result)
    }
  }

  /// A scalar as a type; nil when it is none of that type.
  private static func append(_ node: JSONDocument.Node, to builder: ColumnBuilder, _ scratch: TextOutput) -> Bool {
    scratch.truncate(to: 0)
    node.writeScalar(to: scratch)
    return scratch.withText { text in
      switch builder.type {
      case .text: builder.append(bytes: text)
      case .boolean:
        let word = String(decoding: text, as: UTF8.self).lowercased()
        guard word == "true" || word == "false" else { return false }
        builder.append(word == "true")
      case .float64:
        guard let value = NumberText.parseDouble(text) else { return false }
        builder.append(fixed: value)
      case .int64:
        guard !text.contains(46), let value = NumberText.parseInteger(text) else { return false }
        builder.append(fixed: value)
      default:
        guard !text.contains(46), let value = NumberText.parseInteger(text), let narrow = Int32(exactly: value) else { return false }
        builder.append(fixed: narrow)
      }
      return true
    }
  }

  private static func value(_ path: JSONPath, _ context: KernelContext) -> Kernel {
    let type = context.type
    let (onEmpty, onError) = (context.operands[2].literal, context.operands[4].literal)
    let reason = "the text is no JSON, or the path gives no \(type), in \(context.text)"
    return { v, n in
      if v[0].isNullConstant { return .null(type) }
      let a = TextLane(v[0])
      var collector = FaultCollector(n)
      let builder = ColumnBuilder(type, capacity: n)
      let scratch = TextOutput(rows: 1)
      // Per row: 0 for the value found (or null), 1 for the default of ON EMPTY, 2 for that of ON ERROR.
      var sources = [UInt8](repeating: 0, count: n)
      withExtendedLifetime(v) {
        for i in 0..<n {
          if v[0].isNull(i) {
            builder.appendNull()
            continue
          }
          var outcome = look(a[i], path).outcome
          if case .found(let node) = outcome {
            if !node.isScalar {
              outcome = path.isLax ? .empty : .failed
            } else if append(node, to: builder, scratch) {
              continue
            } else {
              outcome = .failed
            }
          }
          builder.appendNull()
          var isEmpty = false
          if case .empty = outcome { isEmpty = true }
          switch isEmpty ? onEmpty : onError {
          case .text("DEFAULT"): sources[i] = isEmpty ? 1 : 2
          case .text("ERROR"): collector.mark(i)
          default: break
          }
        }
      }
      var result = Vector(column: builder.finish())
      if sources.contains(where: { $0 != 0 }) {
        let rows = (0..<3).map { source in Loops.bits(n) { sources[$0] == source } }
        result = ConditionalKernels.select([result, v[3], v[5]], rows, n, type)
      }
      return Loops.adding(RowFaults.merged(v[0].faults, collector.faults(reason)), to: result)
    }
  }

  private static func query(_ path: JSONPath, _ context: KernelContext) -> Kernel {
    let type = context.type
    let (wrapper, onEmpty, onError) = (context.operands[2].literal, context.operands[3].literal, context.operands[4].literal)
    let reason = "the text is no JSON, or the path gives no array or object, in \(context.text)"
    let scratch = ScratchText()
    return { v, n in
      if v[0].isNullConstant { return .null(type) }
      let a = TextLane(v[0])
      var collector = FaultCollector(n)
      /// nil for null.
      func result(_ text: Bytes, _ row: Int) -> JSONDocument.Node? {
        var outcome = look(text, path).outcome
        if case .found(var node) = outcome {
          var isArray = false
          if case .array = node { isArray = true }
          if wrapper == .text("UNCONDITIONAL") || (wrapper == .text("CONDITIONAL") && !isArray) { node = .array([node]) }
          if !node.isScalar { return node }
          outcome = path.isLax ? .empty : .failed
        }
        var isEmpty = false
        if case .empty = outcome { isEmpty = true }
        switch isEmpty ? onEmpty : onError {
        case .text("EMPTY ARRAY"): return .array([])
        case .text("EMPTY OBJECT"): return .object([])
        case .text("ERROR"):
          collector.mark(row)
          return nil
        default: return nil
        }
      }
      let found: Vector
      if type == .text {
        found = Loops.text([v[0]], n) { i, out in
          guard let node = result(a[i], i) else { return false }
          node.write(to: out)
          return true
        }
      } else {
        found = Loops.nested([v[0]], n, type) { i, builder in
          guard case .array(let elements)? = result(a[i], i) else { return false }
          for element in elements {
            if case .null = element {
              builder.children[0].appendNull()
            } else {
              scratch.output.truncate(to: 0)
              element.writeScalar(to: scratch.output)
              scratch.output.withText { builder.children[0].append(bytes: $0) }
            }
          }
          builder.appendList()
          return true
        }
      }
      return Loops.adding(collector.faults(reason), to: found)
    }
  }

  /// Room for one text at a time.
  private final class ScratchText: @unchecked Sendable {  // guard: an evaluator and its kernels belong to one thread
    let output = TextOutput(rows: 1)
  }
}
