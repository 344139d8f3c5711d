// How much of everything a snapshot may have: what a function of so much memory can be expected to need, and what root is
// willing to spend on it. They are looked at while a capture walks, when an image is read, and while its steps are
// compiled. Pure.

import Wire

package struct Ceilings: Sendable {
    /// What is counted.
    package enum Kind: Sendable, CaseIterable {
        case processes, threads, mappings, files, registrations, locks, entries, pathBytes, payloadBytes
        case planBytes, steps, dataBytes
    }

    package let memoryMB: UInt32

    package init(memoryMB: UInt32) { self.memoryMB = memoryMB }

    /// For whoever does not know the function.
    package static let largest = Ceilings(memoryMB: SandboxRequest.memoryRange.upperBound)

    /// What grows with the memory grows up to a gigabyte of it.
    private var scale: Int { Int(min(max(memoryMB, SandboxRequest.memoryRange.lowerBound), 1024)) }

    package subscript(kind: Kind) -> Int {
        switch kind {
        case .processes: Plan.Limits.processes
        case .threads: Plan.Limits.threads
        case .files: Plan.Limits.files
        case .mappings: 64 * scale
        case .registrations: 64 * scale
        case .locks: 8 * scale
        case .entries: min(128 * scale, Plan.Limits.entries)
        case .pathBytes: scale << 15
        case .payloadBytes: scale << 15
        case .planBytes: scale << 16
        case .steps: scale << 10
        case .dataBytes: 3 * scale << 15
        }
    }

    package var planBytes: Int { self[.planBytes] }

    /// Of memory and files, in the image, before what is there twice is found: processes that were forked have much in
    /// common.
    package var copiedBytes: UInt64 { UInt64(memoryMB) << 22 + 64 << 20 }

    /// What a refusal says.
    package static func words(_ kind: Kind, _ ceilings: Ceilings) -> String {
        let (most, unit): (Int, String) =
            switch kind {
            case .processes: (ceilings[kind], "processes")
            case .threads: (ceilings[kind], "threads")
            case .mappings: (ceilings[kind], "mappings")
            case .files: (ceilings[kind], "open files")
            case .registrations: (ceilings[kind], "files that are watched or waited for (epoll, inotify)")
            case .locks: (ceilings[kind], "locks on files")
            case .entries: (ceilings[kind], "files in /tmp and /dev/shm")
            case .pathBytes: (ceilings[kind] >> 10, "KB of names in /tmp and /dev/shm")
            case .payloadBytes: (ceilings[kind] >> 10, "KB of data in pipes and sockets")
            case .planBytes: (ceilings[kind] >> 10, "KB of description")
            case .steps: (ceilings[kind], "steps to make it again")
            case .dataBytes: (ceilings[kind] >> 10, "KB of data to make it again")
            }
        return "more than \(most) \(unit), the most for a function of \(ceilings.memoryMB) MB"
    }

    // MARK: looking

    /// What of a plan is above a ceiling, in words; nothing when nothing is.
    func excess(of plan: Plan) -> String? {
        let spending = Spending(self)
        do throws(Refusal) {
            try spending.take(.processes, plan.processes.count)
            try spending.take(.files, plan.files.count)
            try spending.take(.entries, plan.entries.count)
            for process in plan.processes {
                try spending.take(.threads, process.threads.count)
                try spending.take(.mappings, process.mappings.count)
            }
            for file in plan.files {
                try spending.take(.registrations, file.registrations.count)
                try spending.take(.locks, file.locks.count)
                try spending.take(.payloadBytes, file.payload.count)
            }
            for entry in plan.entries {
                try spending.take(.pathBytes, entry.path.utf8.count + entry.target.utf8.count)
            }
            return nil
        } catch {
            return error.message
        }
    }
}

/// What has been spent of it.
package final class Spending {
    let ceilings: Ceilings
    private var spent = [Int](repeating: 0, count: Ceilings.Kind.allCases.count)
    private static let places = Dictionary(uniqueKeysWithValues: zip(Ceilings.Kind.allCases, 0...))

    package init(_ ceilings: Ceilings) { self.ceilings = ceilings }

    /// Asked before something is read or made room for.
    func take(_ kind: Ceilings.Kind, _ amount: Int = 1) throws(Refusal) {
        let place = Self.places[kind] ?? 0
        guard amount <= left(kind) else {
            throw Refusal(.snapshot, "it has " + Ceilings.words(kind, ceilings))
        }
        spent[place] += amount
    }

    func left(_ kind: Ceilings.Kind) -> Int { max(0, ceilings[kind] - spent[Self.places[kind] ?? 0]) }
}
