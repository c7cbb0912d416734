import Foundation
import MillraceEnvironment
import MillraceTypes

/// Trained models in a folder: `<name>/<version>/model.onnx` beside the trainer's `report.json`.
public struct ModelStore: Sendable {
  private let environment: Environment
  private let folder: String

  public init(environment: Environment, folder: String) {
    self.environment = environment
    self.folder = folder
  }

  /// One line per model and version with what its training found.
  public func listing() throws(MillraceError) -> String {
    guard try environment.files.info(folder)?.kind == .folder else {
      throw MillraceError(.fileFailed, "there is no folder of models here", subject: folder, hint: "train one with `millrace train`")
    }
    var rows = [["model", "version", "label", "features", "train rows", "positives", "held-out AUC"]]
    for name in try environment.files.list(folder) where !name.hasPrefix(".") {
      let versions = FilePath.join(folder, name)
      guard try environment.files.info(versions)?.kind == .folder else { continue }
      for version in try environment.files.list(versions) where !version.hasPrefix(".") {
        let path = FilePath.join(FilePath.join(versions, version), "report.json")
        guard try environment.files.info(path) != nil else { continue }
        let bytes = try environment.files.readAll(path)
        let report = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:]
        let auc = (report["evaluation"] as? [String: Any])?["auc"] as? Double
        rows.append([
          name, version, report["label"] as? String ?? "-", String((report["features"] as? [String])?.count ?? 0),
          String(report["train_rows"] as? Int ?? 0), String(report["train_positives"] as? Int ?? 0),
          auc.map { String(format: "%.4f", $0) } ?? "-",
        ])
      }
    }
    let widths = rows[0].indices.map { c in rows.reduce(0) { max($0, $1[c].count) } }
    return rows.map { row in
      row.indices.map { row[$0].padding(toLength: widths[$0], withPad: " ", startingAt: 0) }.joined(separator: "  ")
        .trimmingCharacters(in: .whitespaces) + "\n"
    }.joined()
  }
}
