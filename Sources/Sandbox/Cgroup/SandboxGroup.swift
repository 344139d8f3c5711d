// The cgroup of one sandbox: one directory in the cgroup2 tree, and on a hybrid host one more in each v1 tree that a
// limit goes through. Its processes are born in the first; pid 1 joins the others itself (`joinFiles`): a process that
// moves itself, alone, through v1's `tasks` file spares the kernel the lock that makes moving another one cost 10 ms.

import Glibc
import Linux
import Wire

final class SandboxGroup {
    private let name: String
    private let unified: String?
    private var legacy = [:] as PerLimit
    private let unifiedLimits: [Limit]
    /// What `settle` puts into force.
    private var limits: GroupLimits?
    private var waived: [Limit] = []

    /// Makes the cgroup2 directory, which is all that a process needs to be born. What an earlier owner of this name
    /// left is cleared first.
    init(_ name: String, in engine: EngineGroup) throws(SystemError) {
        self.name = name
        unified = engine.unified.map { "\($0)/\(name)" }
        unifiedLimits = engine.unifiedLimits
        if let unified { try Self.make(unified) }
    }

    private static func make(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            try Files.makeDirectory(path)
        } catch {
            guard error.code == EEXIST else { throw error }
            // What cannot be cleared at once is not waited for: makeDirectory says again that it is there.
            killAll(in: path)
            _ = removeEmpty(path)
            try Files.makeDirectory(path)
        }
    }

    /// A descriptor to be born into.
    func open() throws(SystemError) -> FileDescriptor? {
        guard let unified else { return nil }
        return try Files.open(unified, .nameOnly | .directory)
    }

    /// Sets the limits, and makes the v1 directories on a hybrid host. With `boost`, the CPU's is a wider one until
    /// `settle`.
    func apply(_ limits: GroupLimits, boost: Bool, waived: [Limit], in engine: EngineGroup) throws(SystemError) {
        self.limits = limits
        self.waived = waived
        for limit in Limit.allCases where !waived.contains(limit) {
            guard let parent = engine.legacy[limit] else { continue }
            let path = "\(parent)/\(name)"
            // Controllers that are mounted together share one directory.
            if !legacy.distinct.contains(path) { try Self.make(path) }
            legacy[limit] = path
        }
        for limit in Limit.allCases where !waived.contains(limit) {
            if unifiedLimits.contains(limit), let unified {
                try Self.set(limit, limits, unified: unified)
            } else if let path = legacy[limit] {
                try Self.set(limit, limits, legacy: path)
            }
        }
        if boost {
            do throws(SystemError) {
                try setQuota(limits.boostedQuotaUS)
            } catch {
                // cgroup v1 refuses more than the group above has: then there is no more to give.
                if error.code != EINVAL { throw error }
            }
        }
    }

    /// Widens the memory limit of a group that has one.
    func setMemory(_ bytes: UInt64) throws(SystemError) {
        if waived.contains(.memory) { return }
        if unifiedLimits.contains(.memory), let unified {
            try Files.control("\(unified)/memory.max", String(bytes))
        } else if let path = legacy[.memory] {
            // This one may not be lower than the other.
            try Self.ifOffered { () throws(SystemError) in
                try Files.control("\(path)/memory.memsw.limit_in_bytes", String(bytes))
            }
            try Files.control("\(path)/memory.limit_in_bytes", String(bytes))
        }
    }

    /// Moves a whole process that runs already. On cgroup v1 the kernel takes 10 ms for that.
    func take(_ pid: Int32) throws(SystemError) {
        for path in paths { try Files.control("\(path)/cgroup.procs", String(pid)) }
    }

    /// From now on the CPU is what the memory buys.
    func settle() throws(SystemError) {
        if let limits { try setQuota(limits.quotaUS) }
    }

    private func setQuota(_ quotaUS: UInt64) throws(SystemError) {
        if waived.contains(.cpu) { return }
        if unifiedLimits.contains(.cpu), let unified {
            try Files.control("\(unified)/cpu.max", "\(quotaUS) \(GroupLimits.periodUS)")
        } else if let path = legacy[.cpu] {
            try Files.control("\(path)/cpu.cfs_quota_us", String(quotaUS))
        }
    }

    private static func set(_ limit: Limit, _ limits: GroupLimits, unified path: String) throws(SystemError) {
        switch limit {
        case .memory:
            try Files.control("\(path)/memory.max", String(limits.memoryBytes))
            try ifOffered { () throws(SystemError) in try Files.control("\(path)/memory.swap.max", "0") }
            // One process out of memory is the whole sandbox out of memory.
            try Files.control("\(path)/memory.oom.group", "1")
        case .cpu:
            try Files.control("\(path)/cpu.max", "\(limits.quotaUS) \(GroupLimits.periodUS)")
            try Files.control("\(path)/cpu.weight", String(limits.weight))
        case .pids:
            try Files.control("\(path)/pids.max", String(limits.pids))
        }
    }

    private static func set(_ limit: Limit, _ limits: GroupLimits, legacy path: String) throws(SystemError) {
        switch limit {
        case .memory:
            try Files.control("\(path)/memory.limit_in_bytes", String(limits.memoryBytes))
            // Memory and swap together: no swap. Not there when the kernel does not account swap.
            try ifOffered { () throws(SystemError) in
                try Files.control("\(path)/memory.memsw.limit_in_bytes", String(limits.memoryBytes))
            }
            // What waits in Internet sockets is counted by itself, whatever the protocol, and only where it has a limit.
            try ifOffered { () throws(SystemError) in
                try Files.control("\(path)/memory.kmem.tcp.limit_in_bytes", String(limits.socketBytes))
            }
        case .cpu:
            try Files.control("\(path)/cpu.cfs_period_us", String(GroupLimits.periodUS))
            try Files.control("\(path)/cpu.cfs_quota_us", String(limits.quotaUS))
            try Files.control("\(path)/cpu.shares", String(limits.shares))
        case .pids:
            try Files.control("\(path)/pids.max", String(limits.pids))
        }
    }

    /// Some files exist only on kernels that account swap.
    private static func ifOffered(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        do throws(SystemError) {
            try body()
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    /// The files that pid 1 writes "0" to, to move itself into the v1 groups.
    func joinFiles() throws(SystemError) -> [Int32] {
        var raws: [Int32] = []
        for path in legacy.distinct {
            do throws(SystemError) {
                raws.append(try Files.open("\(path)/tasks", .write).release())
            } catch {
                for raw in raws { _ = FileDescriptor(owning: raw) }
                throw error
            }
        }
        return raws
    }

    /// On cgroup v1, a counter that wakes the keeper when the sandbox runs out of memory; v2 kills the group by itself.
    func watchMemory() throws(SystemError) -> Descriptors {
        guard let path = legacy[.memory] else { return Descriptors(owning: []) }
        let counter = try EventCounter.make()
        let control = try Files.open("\(path)/memory.oom_control")
        try Files.control("\(path)/cgroup.event_control", "\(counter.raw) \(control.raw)")
        return Descriptors(owning: [counter.release()])
    }

    /// How many processes the kernel killed because the memory was used up.
    func outOfMemoryKills() -> UInt64 {
        if unifiedLimits.contains(.memory), let unified {
            return Self.value("oom_kill", in: "\(unified)/memory.events") ?? 0
        }
        return legacy[.memory].flatMap { Self.value("oom_kill", in: "\($0)/memory.oom_control") } ?? 0
    }

    func cpuMicroseconds() -> UInt64 {
        unified.flatMap { Self.value("usage_usec", in: "\($0)/cpu.stat") } ?? 0
    }

    func peakMemory() -> UInt64? {
        guard let path = peakMemoryFile, let text = try? Files.read(path, limit: 64) else { return nil }
        return KernelText.number(inLine: text)
    }

    private var peakMemoryFile: String? {
        if unifiedLimits.contains(.memory), let unified { return "\(unified)/memory.peak" }
        return legacy[.memory].map { "\($0)/memory.max_usage_in_bytes" }
    }

    /// Opens what a supervisor needs so often that it shall not have to ask each time, as far as this host has it.
    func openGiven(into descriptors: inout Descriptors) throws(SystemError) -> [Given] {
        var given: [Given] = []
        func open(_ path: String, _ flags: Files.Flags, as kind: Given) throws(SystemError) {
            try Self.ifOffered { () throws(SystemError) in
                descriptors.add(try Files.open(path, flags))
                given.append(kind)
            }
        }
        if let unified { try open("\(unified)/cgroup.freeze", .write, as: .freeze) }
        if !waived.contains(.memory), let path = peakMemoryFile { try open(path, [], as: .peakMemory) }
        return given
    }

    /// The number after `key` in a file of lines `key number`.
    private static func value(_ key: String, in path: String) -> UInt64? {
        guard let text = try? Files.read(path, limit: 4096) else { return nil }
        return KernelText.number(of: key, in: text)
    }

    /// Ends every process in the group. Where there is no cgroup2 tree the caller ends pid 1, and the kernel the rest.
    func kill() {
        guard let unified else { return }
        try? Files.control("\(unified)/cgroup.kill", "1")
    }

    /// Where the kernel lists every thread of the sandbox, whoever its parent is; none where no group was made.
    var threadList: String? {
        if let unified { return "\(unified)/cgroup.threads" }
        return legacy.distinct.first.map { "\($0)/tasks" }
    }

    /// The group's directories, in the order in which they can be removed.
    var paths: [String] {
        var all = legacy.distinct
        if let unified { all.append(unified) }
        return all
    }

    /// False when the kernel will not let go of it yet: its processes are dead, but it may take a moment to see that.
    static func removeEmpty(_ path: String) -> Bool {
        do throws(SystemError) {
            try Files.removeDirectory(path)
            return true
        } catch {
            return error.code == ENOENT
        }
    }

    /// Ends what a dead keeper left in a group. Only called for a group whose lock is ours.
    static func killAll(in path: String) {
        if Files.exists("\(path)/cgroup.kill") {
            try? Files.control("\(path)/cgroup.kill", "1")
        } else {
            for pid in members(of: path) where pid > 1 {
                // A number may have become another process's since it was read: it is held first, and ended if the
                // number is still that of a member.
                guard let handle = try? Processes.open(pid), members(of: path).contains(pid) else { continue }
                try? Processes.signal(SIGKILL, to: handle)
            }
        }
    }

    private static func members(of path: String) -> [Int32] {
        ((try? Files.readText("\(path)/cgroup.procs")) ?? "").split(separator: "\n").compactMap { Int32($0) }
    }
}
