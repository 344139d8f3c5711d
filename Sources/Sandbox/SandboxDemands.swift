// What a keeper asks of a sandbox that lives. Pid 1 is sent a message and not waited for: it may be frozen, or busy, or no
// longer ours. One that leaves too much unread is ended.

import Glibc
import Linux
package import Wire

extension Sandbox {
    /// Starts a process in a sandbox that waits; the streams are borrowed until this returns. What comes of it is
    /// reported.
    package func start(_ request: ProcessRequest, streams: [Int32]) throws(Refusal) {
        guard waits else { throw Refusal(.request, "the sandbox was made for a command of its own") }
        if let problem = request.problem() { throw Refusal(.request, problem) }
        guard streams.count == 3 else { throw Refusal(.request, "a process needs three standard streams") }
        if has(request.number) { throw Refusal(.request, "the process number \(request.number) is in use") }
        guard started.count < ProcessRequest.mostInASandbox else {
            throw Refusal(.request, "a sandbox has at most \(ProcessRequest.mostInASandbox) processes of its own")
        }
        try Self.lend(streams, to: block)
        started.append(Started(number: request.number))
        demand(.start(request), streams)
    }

    package func signal(process: UInt32, number: Int32) {
        // A command has number 0; nobody else does unless it was started under it.
        if waits ? has(process) : process == 0 { demand(.signal(process: process, number: number)) }
    }

    private func has(_ process: UInt32) -> Bool { started.contains { $0.number == process } }

    package func killAll() {
        if waits { demand(.killAll) }
    }

    package func askForSocket() throws(Refusal) {
        guard waits else { throw Refusal(.request, "the sandbox was made for a command of its own") }
        socketsAsked += 1
        demand(.socket)
    }

    /// Starts what is in the snapshot that the sandbox was made with; the logs are borrowed until this returns.
    package func restore(logs: [Int32]) throws(Refusal) {
        guard request.snapshot != nil, !isRestoring, started.isEmpty else {
            throw Refusal(.request, "the sandbox has nothing to restore, or has done so")
        }
        guard logs.count <= ProcessRequest.mostInASandbox else { throw Refusal(.request, "there are too many pipes") }
        try Self.lend(logs, to: block)
        isRestoring = true
        demand(.restore, logs)
    }

    /// From now on the CPU is what the memory buys.
    package func settle() {
        do throws(SystemError) {
            try group.settle()
        } catch {
            // It would go on with more than it was given.
            fail(Refusal(.step, "settle the CPU: \(error)"))
        }
    }

    private func demand(_ message: InitRequest, _ raws: [Int32] = []) {
        do throws(SystemError) {
            try send(message, raws)
        } catch {
            // When pid 1 is gone already, its end is about to be heard of.
            if error.code == EPIPE || error.code == ECONNRESET { return }
            fail(Refusal(.step, "pid 1 of the sandbox does not read what it is told: \(error)"))
        }
    }
}
