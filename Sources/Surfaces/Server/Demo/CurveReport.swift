import Foundation

/// How well a score separates, as the evaluation of a verdict file gave it.
struct Evaluation: Sendable {
  var rows: Int
  var positives: Int
  var areaUnderROC: Double
  var averagePrecision: Double
  var precisionAtHalfRecall: Double
  /// False positive rate and true positive rate.
  var roc: [(x: Double, y: Double)]
  /// Recall and precision.
  var precisionRecall: [(x: Double, y: Double)]
}

/// One self-contained HTML page with the curves of each model beside the same model given the message alone.
enum CurveReport {
  struct Section {
    var title: String
    var question: String
    var model: Evaluation
    var alone: Evaluation
  }

  static func html(title: String, sections: [Section], footer: String) -> String {
    let body = sections.map { section in
      """
      <section><h2>\(escaped(section.title))</h2><p>\(escaped(section.question)) \
      \(section.model.rows) rows, \(section.model.positives) positive.</p>
      <table><tr><th></th><th>AUC</th><th>average precision</th><th>precision at 50% recall</th></tr>
      \(row("with event-time features", "model", section.model))\(row("message alone", "alone", section.alone))</table>
      <div class="charts">
      \(chart("ROC", "false positive rate", "true positive rate", section.model.roc, section.alone.roc))
      \(chart("Precision and recall", "recall", "precision", section.model.precisionRecall, section.alone.precisionRecall))
      </div></section>
      """
    }
    return """
      <!doctype html><html lang="en"><meta charset="utf-8"><title>\(escaped(title))</title><style>
      body{font:15px/1.5 system-ui,sans-serif;color:#1c2330;max-width:960px;margin:2em auto;padding:0 1em}
      table{border-collapse:collapse;margin:.5em 0 1em}td,th{padding:.25em 1em .25em 0;text-align:left}
      td{font-variant-numeric:tabular-nums}.charts{display:flex;gap:1.5em;flex-wrap:wrap}
      .model{color:#0b6e99}.alone{color:#c0641c}svg text{font:12px system-ui,sans-serif;fill:#556}footer{color:#667}
      </style><h1>\(escaped(title))</h1>
      \(body.joined(separator: "\n"))
      <footer><p>\(escaped(footer))</p></footer></html>

      """
  }

  /// All curves side by side as one picture.
  static func svg(sections: [Section]) -> String {
    var parts: [String] = []
    for (row, section) in sections.enumerated() {
      let y = 20 + row * 480
      parts.append("<text x=\"40\" y=\"\(y + 4)\" font-size=\"16\" font-weight=\"600\">\(escaped(section.title))</text>")
      let charts = [
        plot("ROC", "false positive rate", "true positive rate", section.model.roc, section.alone.roc),
        plot("Precision and recall", "recall", "precision", section.model.precisionRecall, section.alone.precisionRecall),
      ]
      for (column, chart) in charts.enumerated() { parts.append("<g transform=\"translate(\(column * 430) \(y + 20))\">\(chart)</g>") }
    }
    let height = sections.count * 480 + 30
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 \(height)" width="860" height="\(height)" font-family="system-ui,sans-serif" \
      font-size="12" fill="#445"><rect width="860" height="\(height)" fill="#fff"/>
      \(parts.joined(separator: "\n"))
      <text x="40" y="\(height - 12)"><tspan fill="#0b6e99">with event-time features</tspan>  <tspan fill="#c0641c">message alone</tspan></text>
      </svg>

      """
  }

  private static func row(_ name: String, _ style: String, _ e: Evaluation) -> String {
    "<tr><td class=\"\(style)\">\(name)</td><td>\(fixed(e.areaUnderROC))</td><td>\(fixed(e.averagePrecision))</td>"
      + "<td>\(fixed(e.precisionAtHalfRecall))</td></tr>\n"
  }

  private static func chart(
    _ title: String, _ xName: String, _ yName: String, _ model: [(x: Double, y: Double)], _ alone: [(x: Double, y: Double)]
  ) -> String {
    "<figure><svg viewBox=\"0 0 420 420\" width=\"420\" height=\"420\" role=\"img\" aria-label=\"\(title)\">"
      + plot(title, xName, yName, model, alone) + "</svg></figure>"
  }

  /// One pair of curves in a square of 420.
  private static func plot(
    _ title: String, _ xName: String, _ yName: String, _ model: [(x: Double, y: Double)], _ alone: [(x: Double, y: Double)]
  ) -> String {
    func path(_ points: [(x: Double, y: Double)], _ color: String) -> String {
      let text = points.map { "\(tenths(40 + $0.x * 360)),\(tenths(380 - $0.y * 360))" }.joined(separator: " ")
      return "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\" points=\"\(text)\"/>"
    }
    let grid = (0...4).map { i -> String in
      let p = Double(i) / 4
      let (x, y) = (tenths(40 + p * 360), tenths(380 - p * 360))
      return "<path d=\"M40 \(y)H400M\(x) 20V380\" stroke=\"#dde3ea\"/><text x=\"34\" y=\"\(y)\" text-anchor=\"end\">\(p)</text>"
        + "<text x=\"\(x)\" y=\"396\" text-anchor=\"middle\">\(p)</text>"
    }
    return "\(grid.joined())\(path(alone, "#c0641c"))\(path(model, "#0b6e99"))"
      + "<text x=\"220\" y=\"414\" text-anchor=\"middle\">\(xName)</text><text x=\"44\" y=\"14\">\(title): \(yName)</text>"
  }

  static func fixed(_ value: Double) -> String { String(format: "%.4f", value) }
  private static func tenths(_ value: Double) -> String { String(format: "%.1f", value) }
  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;").replacingOccurrences(
      of: ">", with: "&gt;")
  }
}
