import Foundation
import JSONSchema

/// Runs of workflows, as they are seen.
extension Engine {
  func runPage(_ query: ListQuery, _ context: SnapshotContext) -> Page<RunRow> {
    let page = store.runs(context.history(query))
    var rows = Page(page, rows: page.items.map(row))
    rows.notice = page.notice
    return rows
  }

  func workflowRows() -> [WorkflowRow] {
    configuration.workflows.map(WorkflowRow.init)
  }

  private func row(_ run: WorkflowRun) -> RunRow {
    let open = run.openWork.compactMap { work -> CallState.Word? in
      guard case .call(let id) = work else { return nil }
      return table.withShard(of: id) { $0.calls[id]?.call.state.word }
    }
    let waits = open.count(where: \.needsPerson)
    return RunRow(
      id: run.id,
      workflow: run.workflow.name,
      caller: run.caller.name,
      state: run.state.word,
      doing: doing(run, waits: waits),
      done: run.steps.count(where: \.state.isOver),
      steps: run.steps.count,
      needsPerson: waits > 0,
      startedAt: run.startedAt,
      endedAt: run.endedAt,
      lastActivity: run.lastActivity,
      retries: run.retries,
      revision: run.revision
    )
  }

  private func doing(_ run: WorkflowRun, waits: Int) -> String {
    switch run.state {
    case .running:
      if waits > 0 { return waits == 1 ? "waiting for you" : "\(waits) calls wait for you" }
      return run.steps.filter { $0.state == .running }.map(\.id).joined(separator: ", ")
    case .stopping(.cancelled): return "being cancelled"
    case .stopping(.failed(let why)): return "stopping: " + why
    case .succeeded: return ""
    case .failed(let why): return why
    case .cancelled: return "cancelled"
    }
  }

  /// So many calls of one step are told of.
  private static let shownCalls = 20

  func runDetail(_ id: RunID, _ context: SnapshotContext) -> RunDetail? {
    guard let run = runs[id]?.run.withoutOriginals ?? store.run(id)?.run else { return nil }
    var failure: String?
    if case .failed(let why) = run.state { failure = why }
    let steps = zip(run.workflow.steps, run.steps).map {
      stepRow($0, $1, isLive: run.state.word.isLive, context)
    }
    return RunDetail(
      row: row(run),
      input: run.input.shown,
      output: run.output?.shown,
      failure: failure,
      steps: steps
    )
  }

  private func stepRow(
    _ step: Workflow.Step,
    _ state: WorkflowRun.Step,
    isLive: Bool,
    _ context: SnapshotContext
  ) -> RunDetail.StepRow {
    let does: String
    switch step.action {
    case .call(let function, _): does = function
    case .ask(let question): does = "model " + question.model
    }
    var why: String?
    switch state.state {
    case .skipped(let reason): why = reason
    case .failed(let failure): why = failure.message
    case .succeeded:
      if case .fellBack(_, let failure)? = state.items.first(where: { $0.state.failure != nil })?
        .state
      {
        why = "its fallback counts: " + failure.message
      }
    case .waiting where !isLive: why = "it did not begin before the run ended"
    case .waiting, .running: break
    }
    let items =
      state.items.filter { $0.isOpen || $0.state.failure != nil }
      + state.items.filter { !$0.isOpen && $0.state.failure == nil }
    let works = items.compactMap(\.work).prefix(Self.shownCalls)
    return RunDetail.StepRow(
      id: step.id,
      needs: step.needs,
      does: does,
      isRequired: step.isRequired,
      state: state.state.word,
      why: why,
      startedAt: state.startedAt,
      endedAt: state.endedAt,
      items: step.repetition.map { _ in
        RunDetail.Progress(
          done: state.items.count { !$0.isOpen && $0.state != .waiting },
          all: state.items.count
        )
      },
      calls: works.compactMap { work in
        guard case .call(let id) = work else { return nil }
        return liveCall(id).map { row($0, context) }
      },
      conversations: works.compactMap { work in
        if case .conversation(let id) = work { id } else { nil }
      }
    )
  }
}
