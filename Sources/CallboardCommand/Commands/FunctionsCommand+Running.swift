import Callboard
import CallboardControl
import JSONSchema

extension FunctionsCommand {
  /// How a configuration's functions stand in the instance that runs it.
  struct RunningState {
    private var rows: [String: FunctionRow] = [:]
    /// Who holds the whole engine.
    private let held: Switched?

    /// As an instance has shown its functions.
    init(_ snapshot: Snapshot) {
      held = snapshot.header.held
      guard case .functions(let page, _) = snapshot.body else { return }
      for row in page.rows { rows[row.name] = row }
    }

    /// nil: no instance runs it, or it can't be asked, which is said on stderr.
    init?(of configuration: Configuration) {
      guard let path = configuration.socketPath else { return nil }
      do throws(ControlProblem) {
        let snapshot = try Instance(at: path).snapshot(of: .functions(ListQuery(after: 10_000)))
        StoreNotice.tell(snapshot.header)
        self.init(snapshot)
      } catch {
        switch error {
        case .unreachable: break
        case .forbidden(let why), .refused(let why), .notUnderstood(let why), .lost(let why):
          Output.error.row("callboard: the running instance does not say what is off: \(why)")
        }
        return nil
      }
    }

    /// What keeps calls of a function from starting there, in words; empty: nothing.
    func words(_ name: String) -> [String] {
      guard let row = rows[name] else { return ["not in the running instance"] }
      var words: [String] = []
      if row.awaitsAcceptance {
        words.append("held: its definition has changed")
      } else if !row.isOn {
        words.append("off" + (row.switched.map { ", by \($0.by)" } ?? ""))
      }
      if let held { words.append("engine held by \(held.by)") }
      if row.breaker == .open { words.append("breaker open") }
      return words
    }

    func add(to object: inout JSONObject, _ name: String) {
      guard let row = rows[name] else {
        object["running"] = .null
        return
      }
      var running: JSONObject = [
        "on": .bool(row.isOn), "definition_changed": .bool(row.awaitsAcceptance),
        "breaker": .string(row.breaker.rawValue), "engine_held": .bool(held != nil),
      ]
      running["switched_by"] = row.switched.map { .string($0.by) }
      object["running"] = .object(running)
    }
  }
}
