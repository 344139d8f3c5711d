// What a keeper does for snapshots: captures, templates, what is learned of clones, descriptions. Each is work of a process
// of its own, given up when it takes too long; the keeper hears of what came of it.

import Linux
import Sandbox
package import Wire

extension Keeper {
    // MARK: captures

    /// Of different sandboxes. A supervisor makes fewer at once.
    private static let mostCaptures = 16

    /// - Parameter logs: the ends that its processes write their logs to, lent until this returns
    package func capture(_ request: CaptureRequest, in id: UInt32, logs: [Int32]) {
        do throws(Refusal) {
            guard let sandbox = sandbox(id) else { throw Self.unknown(id) }
            guard foundations.snapshots != nil else { throw Refusal(.state, "there is no directory for snapshots") }
            if isCaptured(id) { throw Refusal(.request, "the sandbox is being captured already") }
            if captures.count >= Self.mostCaptures {
                throw Refusal(.request, "\(captures.count) captures are under way: ask again when one has ended")
            }
            let capture = try Capturing(request, of: sandbox, logs: logs, foundations)
            do throws(SystemError) {
                try queue.watch(capture.watched, token: Source.capture.token(id))
            } catch {
                throw Refusal(.step, "watch a capture: \(error)")
            }
            captures.append(capture)
        } catch {
            say(.notCaptured(id: id, error))
        }
    }

    func isCaptured(_ id: UInt32) -> Bool { captures.contains { $0.sandbox == id } }

    /// Helpers end with the sandbox that they work on, before it is waited for.
    func endWorkOnEnding() {
        for id in captures.map(\.sandbox) + [learning?.sandbox].compactMap(\.self) where sandbox(id)?.isEnding ?? true {
            endWork(on: id, because: "the sandbox was ended")
        }
    }

    func endWork(on id: UInt32, because reason: String) {
        if learning?.sandbox == id { learning = nil }
        if !isCaptured(id) { return }
        captures.removeAll { $0.sandbox == id }
        say(.notCaptured(id: id, Refusal(.snapshot, reason)))
    }

    func hearOfCapture(_ id: UInt32) {
        guard let index = captures.firstIndex(where: { $0.sandbox == id }), let reply = captures[index].hear()
        else { return }
        let snapshot = captures.remove(at: index).snapshot
        // What was loaded of one with this name is another one now.
        if case .captured = reply { releaseSnapshot(snapshot) }
        say(reply)
    }

    /// Removes what is left of captures that nobody makes any more; tried again as long as somebody is at work on some.
    package func clearDrafts() throws(Refusal) {
        nextDraftClearing = nil
        if try foundations.clearDrafts() { return }
        // A process that was killed with its engine is gone in a moment; another engine may be at work for long.
        nextDraftClearing = Clock.now + draftPause
        draftPause = min(draftPause * 2, 1_000_000_000)
    }

    package func restore(_ id: UInt32, logs: [Int32]) {
        do throws(Refusal) {
            guard let sandbox = sandbox(id) else { throw Self.unknown(id) }
            try sandbox.restore(logs: logs)
        } catch {
            say(.notRestored(id: id, error))
        }
    }

    /// The template for a request; nothing when it is not ready yet: the request waits for it.
    func template(
        _ name: String, _ request: SandboxRequest, _ log: StepLog
    ) throws(Refusal) -> Template? {
        if let index = templates.firstIndex(where: { $0.template.name == name }) {
            guard templates[index].template.serves(request) else {
                throw Refusal(.snapshot, "the snapshot \(name) belongs to other directories")
            }
            if templates[index].template.isReady { return templates[index].template }
            templates[index].waiting.append((request, log))
            return nil
        }
        let template = try Template(name, request, foundations)
        do throws(SystemError) {
            let (channel, process) = template.watched
            try queue.watch(channel, token: Source.template.token(0))
            try queue.watch(process, token: Source.template.token(0))
        } catch {
            throw Refusal(.step, "watch a template: \(error)")
        }
        templates.append((template, [(request, log)]))
        return nil
    }

    /// One has loaded its snapshot, or is no more.
    func hearOfTemplates() {
        for (template, waiting) in templates {
            guard let result = template.hear() else { continue }
            guard let index = templates.firstIndex(where: { $0.template === template }) else { continue }
            switch result {
            case .success:
                templates[index].waiting = []
                for (request, log) in waiting { create(request, streams: [], log) }
            case .failure(let refusal):
                templates.remove(at: index)
                for (request, _) in waiting { say(.refused(id: request.id, refusal)) }
            }
        }
    }

    /// One at a time, and once for each snapshot: whoever comes too early comes again.
    package func learn(_ id: UInt32) {
        guard learning == nil, let sandbox = sandbox(id), let name = sandbox.snapshot, !foundations.hasLearned(name),
            let process = try? LearningProcess(sandbox, foundations),
            (try? queue.watch(process.watched, token: Source.learning.token(0))) != nil
        else { return }
        learning = process
    }

    /// What was learned is for those that are loaded from now on.
    func hearOfLearning() {
        guard let done = learning else { return }
        learning = nil
        done.keep(foundations)
        templates.removeAll { $0.template.name == done.snapshot && $0.waiting.isEmpty }
    }

    /// Gives up what is in memory of a snapshot. Sandboxes that were made from it go on.
    package func releaseSnapshot(_ name: String) {
        for (template, waiting) in templates where template.name == name {
            for (request, _) in waiting {
                say(.refused(id: request.id, Refusal(.snapshot, "the snapshot \(name) was given up")))
            }
        }
        templates.removeAll { $0.template.name == name }
    }

    package func removeSnapshot(_ name: String) {
        releaseSnapshot(name)
        foundations.removeSnapshot(name)
        say(.snapshotRemoved(name))
    }

    // MARK: descriptions

    /// So many at a time, and so many that wait.
    private static let mostDescriptions = 2
    private static let mostToDescribe = 4096

    package func listSnapshots() {
        do {
            let file = try MemoryFile.make(named: "snapshots")
            let list = JSON.list(try foundations.snapshotNames.map(JSON.text))
            try Files.write(list.bytes, to: file.raw, named: "a list")
            tell(.snapshotDescribed(""), Descriptors(owning: [file.release()]))
        } catch {
            say(.snapshotDescribed(""))
        }
    }

    package func describeSnapshot(_ name: String) {
        guard foundations.hasSnapshot(name), toDescribe.count < Self.mostToDescribe else {
            return say(.snapshotDescribed(name))
        }
        toDescribe.append(name)
        describeNext()
    }

    private func describeNext() {
        while descriptions.count < Self.mostDescriptions, !toDescribe.isEmpty {
            let name = toDescribe.removeFirst()
            do throws(Refusal) {
                let process = try DescribingProcess(name, foundations)
                lastDescription &+= 1
                do throws(SystemError) {
                    try queue.watch(process.watched, token: Source.description.token(lastDescription))
                } catch {
                    throw Refusal(.step, "watch a description: \(error)")
                }
                descriptions.append((lastDescription, process))
            } catch {
                tellProblem(name, error.message)
            }
        }
    }

    func hearOfDescription(_ number: UInt32) {
        guard let index = descriptions.firstIndex(where: { $0.number == number }) else { return }
        let process = descriptions.remove(at: index).process
        if let file = process.take() {
            tell(.snapshotDescribed(process.name), Descriptors(owning: [file.release()]))
        } else {
            tellProblem(process.name, process.failure)
        }
        describeNext()
    }

    private func tellProblem(_ name: String, _ reason: String) {
        do throws(SystemError) {
            let file = try DescribingProcess.problem(reason)
            tell(.snapshotDescribed(name), Descriptors(owning: [file.release()]))
        } catch {
            say(.snapshotDescribed(name))
        }
    }

    // MARK: what takes too long

    /// When to look again, on the monotonic clock.
    var nextOverdue: UInt64? {
        let others = captures.map(\.latest) + descriptions.map(\.process.latest) + [learning?.latest].compactMap(\.self)
        return (others + templates.compactMap(\.template.latest) + [nextDraftClearing].compactMap(\.self)).min()
    }

    func endOverdueWork(_ now: UInt64) {
        if let next = nextDraftClearing, next <= now { try? clearDrafts() }
        for capture in captures where capture.latest <= now {
            captures.removeAll { $0 === capture }
            say(.notCaptured(id: capture.sandbox, Refusal(.snapshot, "its capture took too long")))
        }
        for (number, process) in descriptions where process.latest <= now {
            descriptions.removeAll { $0.number == number }
            tellProblem(process.name, "the snapshot \(process.name) cannot be read in time")
            describeNext()
        }
        if let one = learning, one.latest <= now { learning = nil }
        for (template, _) in templates where template.latest ?? .max <= now {
            lose(template, because: Refusal(.step, "the snapshot \(template.name) cannot be loaded in time"))
        }
    }

    /// One that does not do its work is no more: the next sandbox has a new one.
    func lose(_ template: Template, because reason: Refusal? = nil) {
        guard let index = templates.firstIndex(where: { $0.template === template }) else { return }
        let waiting = templates.remove(at: index).waiting
        let refusal = reason ?? Refusal(.step, "the template of \(template.name) was given up")
        for (request, _) in waiting { say(.refused(id: request.id, refusal)) }
    }
}
