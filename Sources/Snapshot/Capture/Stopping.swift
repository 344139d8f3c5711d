// All processes of a sandbox but its pid 1, stopped, each with all its threads. They go on when this is let go of,
// however that comes about: whoever traces ends, and the kernel lets go of what it traced.
//
// What is to be stopped is what the kernel lists in the sandbox's control group, which no process leaves, whoever its
// parent is or becomes. That none is missed, however the processes multiply, end or execute programs meanwhile:
//
// - A list of the group names, of every line of processes that begin each other, at least one that lived when the list
//   was at its end: a new task is put at the end of the list before its parent goes on.
// - All that were seized stand still before a list is read, and are seen to stand still after it. A thread leaves its stop
//   for us alone, for SIGKILL, or because another thread of its process executes a program; in the last case that thread
//   takes over its number, and is either not traced by us or does not stand still.
// - So when a list names nobody else, nobody else was there, and nobody can have been begun since.
//
// Nothing of the sandbox is read before that.

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
    /// The first thread comes first, where it has not ended.
    let threads: [TracedThread]
    /// All its threads have; one whose first thread has ended goes on with the others.
    var hasEnded: Bool { threads.isEmpty }
}

final class StoppedTree {
    /// Parents before their children.
    private(set) var processes: [StoppedProcess] = []
    private var members: [Int32: (thread: TracedThread, standsStill: Bool)] = [:]
    /// In the group, and none of the sandbox's: processes of the engine that work for it.
    private var strangers: Set<Int32> = []

    private let guardian: Int32
    private let list: String
    private let ownNamespace: String
    private let namespace: String

    /// A thread may wait in the kernel for another (vfork), which is therefore let go on before the next attempt.
    private static let attempts = 3
    private static let longestAttempt: UInt64 = 2_500_000_000
    private static let pause: UInt32 = 20_000
    private static let mostThreads = 4096

    /// - Parameter guardian: pid 1 of the sandbox, by its number here
    /// - Parameter list: the file in which the kernel lists all threads of the sandbox's group
    init(of guardian: Int32, listed list: String) throws(Refusal) {
        (self.guardian, self.list) = (guardian, list)
        guard let own = TaskStatus.processNamespace(of: getpid()),
            let namespace = TaskStatus.processNamespace(of: guardian)
        else { throw Refusal(.snapshot, "pid 1 of the sandbox has ended") }
        (ownNamespace, self.namespace) = (own, namespace)
        do throws(SystemError) {
            try TracedThread.seizing { () throws(SystemError) in try stopAll() }
            try takeUp()
        } catch {
            letGo()
            throw Refusal(.snapshot, "stop the processes: \(error)")
        }
        if processes.isEmpty { throw Refusal(.snapshot, "nothing runs in the sandbox") }
    }

    deinit { letGo() }

    func letGo() {
        for member in members.values { member.thread.letGo() }
        members = [:]
        processes = []
    }

    // MARK: stopping

    private func stopAll() throws(SystemError) {
        for attempt in 1... {
            if try standStill(until: Clock.now + Self.longestAttempt) { return }
            if attempt == Self.attempts { break }
            for member in members.values where member.standsStill { member.thread.goOn() }
            Clock.sleep(microseconds: Self.pause)
            for tid in members.keys {
                members[tid]?.standsStill = false
                try interrupt(tid)
            }
        }
        throw SystemError(call: "wait", subject: "for its threads, which do not stop", code: ETIMEDOUT)
    }

    /// One attempt, which follows processes that are begun meanwhile.
    private func standStill(until latest: UInt64) throws(SystemError) -> Bool {
        repeat {
            let found = try listed().filter { members[$0] == nil && !isStranger($0) }
            if found.isEmpty, allStandStill() { return true }
            for tid in found { try seize(tid) }
            guard members.count <= Self.mostThreads else {
                throw SystemError(call: "capture", subject: "so many threads", code: E2BIG)
            }
            for (tid, member) in members where !member.standsStill {
                guard try awaitStop(of: tid, until: latest) else { return false }
            }
        } while Clock.now < latest
        return false
    }

    private func listed() throws(SystemError) -> [Int32] {
        try Files.readText(list).split(separator: "\n").compactMap { Int32($0) }.filter { $0 > 0 && $0 != guardian }
    }

    private func isStranger(_ tid: Int32) -> Bool {
        strangers.contains(tid) && TaskStatus.processNamespace(of: tid) == ownNamespace
    }

    /// As they were seen to before the last list was read; those that do not are looked at again.
    private func allStandStill() -> Bool {
        var all = true
        for (tid, member) in members where !member.thread.standsStill {
            members[tid]?.standsStill = false
            try? member.thread.interrupt()
            all = false
        }
        return all
    }

    private func seize(_ tid: Int32) throws(SystemError) {
        guard let its = TaskStatus.processNamespace(of: tid) else { return }
        if its == ownNamespace {
            strangers.insert(tid)
            return
        }
        do throws(SystemError) {
            let thread = try TracedThread(seizing: tid)
            // From here on the number cannot come to mean another.
            if let its = TaskStatus.processNamespace(of: tid), its != namespace {
                throw SystemError(call: "capture", subject: "a process that is in another namespace", code: EBUSY)
            }
            members[tid] = (thread, false)
            try thread.interrupt()
        } catch {
            // It has ended meanwhile.
            if error.code == ESRCH || error.code == EPERM && TaskStatus.hasEnded(tid) { return }
            // Or it is one of ours, whose number was that of the first thread of its process.
            guard error.code == EPERM, TaskStatus.tracer(of: tid) == getpid() else { throw error }
            members[tid] = (TracedThread(renumbered: tid), false)
            try interrupt(tid)
        }
    }

    private func interrupt(_ tid: Int32) throws(SystemError) {
        do throws(SystemError) {
            try members[tid]?.thread.interrupt()
        } catch {
            if error.code != ESRCH { throw error }
        }
    }

    /// False when it takes too long.
    private func awaitStop(of tid: Int32, until latest: UInt64) throws(SystemError) -> Bool {
        guard let thread = members[tid]?.thread else { return true }
        switch try thread.awaitStop(until: latest) {
        case .standsStill: members[tid]?.standsStill = true
        case .hasEnded: members[tid] = nil
        case .tookTooLong: return false
        case .isHeldBySignal:
            throw SystemError(call: "capture", subject: "a process that is stopped", code: EBUSY)
        }
        return true
    }

    // MARK: who they are

    private func takeUp() throws(SystemError) {
        var threads: [Int32: [TracedThread]] = [:]
        for (tid, member) in members {
            guard let pid = TaskStatus.process(of: tid) else {
                throw SystemError(call: "capture", subject: "a process that ends", code: ESRCH)
            }
            threads[pid, default: []].append(member.thread)
        }
        try takeUp(childrenOf: guardian, place: nil, &threads)
        // Every process of a namespace is below its pid 1.
        if !threads.isEmpty { throw SystemError(call: "capture", subject: "a process without a parent", code: ECHILD) }
    }

    private func takeUp(
        childrenOf pid: Int32, place: Int?, _ threads: inout [Int32: [TracedThread]]
    ) throws(SystemError) {
        for child in try Self.children(of: pid) {
            guard processes.count < Plan.Limits.processes else {
                throw SystemError(call: "capture", subject: "more than \(Plan.Limits.processes) processes", code: E2BIG)
            }
            let own = (threads.removeValue(forKey: child) ?? [])
                .sorted { $0.tid == child || $1.tid != child && $0.tid < $1.tid }
            if own.isEmpty, !TaskStatus.hasEnded(child) {
                throw SystemError(call: "capture", subject: "a process that is not in the group", code: EBUSY)
            }
            processes.append(StoppedProcess(pid: child, parent: place, threads: own))
            try takeUp(childrenOf: child, place: processes.count - 1, &threads)
        }
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
