// All processes of a sandbox but its pid 1, stopped, each with all its threads. They go on when this is let go of,
// however that comes about: whoever traces ends, and the kernel lets go of what it traced.

import Glibc
import Linux
import Wire

/// Finding the processes of a sandbox without stopping them.
package enum StoppedProcesses {
    package static func children(of pid: Int32) -> [Int32] { (try? StoppedTree.children(of: pid)) ?? [] }

    package static func numberInside(_ pid: Int32) -> Int32? {
        (try? ProcFile.values("/proc/\(pid)/status")).map { ProcFile.innermost($0["NSpid"]?.first) }
    }
}

struct StoppedProcess {
    let pid: Int32
    /// Its place among those that were stopped; nil where pid 1 is its parent.
    let parent: Int?
    let hasEnded: Bool
    var threads: [TracedThread] = []
}

final class StoppedTree {
    private(set) var processes: [StoppedProcess] = []

    /// - Parameter guardian: pid 1 of the sandbox, by its number here
    init(below guardian: Int32) throws(Refusal) {
        do throws(SystemError) {
            try stopChildren(of: guardian, place: nil)
            // What was begun while the others were being stopped.
            var count = -1
            while count != total {
                count = total
                for index in processes.indices where !processes[index].hasEnded { try stopThreads(of: index) }
                try stopChildren(of: guardian, place: nil)
                for index in processes.indices { try stopChildren(of: processes[index].pid, place: index) }
            }
        } catch {
            letGo()
            throw Refusal(.snapshot, "stop the processes: \(error)")
        }
        if processes.isEmpty { throw Refusal(.snapshot, "nothing runs in the sandbox") }
        if processes.count > Plan.Limits.processes {
            letGo()
            throw Refusal(.snapshot, "there are more than \(Plan.Limits.processes) processes")
        }
    }

    deinit { letGo() }

    private var total: Int { processes.count + processes.reduce(0) { $0 + $1.threads.count } }

    func letGo() {
        for process in processes { for thread in process.threads { thread.letGo() } }
        processes = []
    }

    private func stopChildren(of pid: Int32, place: Int?) throws(SystemError) {
        for child in try Self.children(of: pid) where !processes.contains(where: { $0.pid == child }) {
            let state = try? ProcFile.stat(of: child)
            if state?.state == "T" {
                throw SystemError(call: "capture", subject: "a process that is stopped", code: EBUSY)
            }
            processes.append(StoppedProcess(pid: child, parent: place, hasEnded: state?.state == "Z"))
            let index = processes.count - 1
            if !processes[index].hasEnded { try stopThreads(of: index) }
            try stopChildren(of: child, place: index)
        }
    }

    private func stopThreads(of index: Int) throws(SystemError) {
        let pid = processes[index].pid
        var new: [TracedThread] = []
        for name in try Files.names(in: "/proc/\(pid)/task") {
            guard let tid = Int32(name), !processes[index].threads.contains(where: { $0.tid == tid }) else { continue }
            do throws(SystemError) {
                let thread = try TracedThread(seizing: tid)
                try thread.interrupt()
                new.append(thread)
            } catch {
                // It has ended meanwhile.
                if error.code != ESRCH { throw error }
            }
        }
        for thread in new where try thread.awaitStop() { processes[index].threads.append(thread) }
        processes[index].threads.sort { $0.tid == pid || $1.tid != pid && $0.tid < $1.tid }
    }

    static func children(of pid: Int32) throws(SystemError) -> [Int32] {
        var all: [Int32] = []
        for task in (try? Files.names(in: "/proc/\(pid)/task")) ?? [] {
            let text = (try? Files.readText("/proc/\(pid)/task/\(task)/children")) ?? ""
            all += text.split(separator: " ").compactMap { Int32($0) }
        }
        return all
    }
}
