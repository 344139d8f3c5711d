// One sandbox, as its keeper holds it: made, watched, ended, removed. `start` is the keeper's half of the set-up, in
// order; the other half is in Inside.swift and runs at the same time.

import Glibc
import Linux
package import Wire

/// What all sandboxes of a keeper share.
package final class Foundations {
    package let workplace: Workplace
    package let engine: EngineGroup
    package let blocks: UserBlocks
    let filter: [UInt8]

    package init(run: String, cgroup: String?, _ log: inout StepLog) throws(Refusal) {
        // The user of a process decides nothing about its capabilities: see where a sandbox is forked.
        do throws(SystemError) {
            try Capabilities.keepAcrossUsers()
        } catch {
            throw Refusal(.step, "keep capabilities: \(error)")
        }
        let start = Clock.now
        workplace = try Workplace(path: run)
        blocks = try UserBlocks()
        try workplace.enter()
        log.add("open the run directory", from: start)
        engine = try log.step("find the cgroups") { () throws(SystemError) in
            EngineGroup(try Hierarchies.find(named: cgroup))
        }
        let compiling = Clock.now
        do {
            filter = try FilterStore(directory: run).filter()
        } catch {
            throw Refusal(.step, "compile the filter: \(error)")
        }
        log.add("load the filter", from: compiling)
    }
}

package final class Sandbox {
    package let id: UInt32
    private let foundations: Foundations
    private let block: UserBlock
    private let group: SandboxGroup
    private let pid: Int32
    private let process: FileDescriptor
    private let channel: MessageSocket
    /// On cgroup v1 only.
    private var memoryWatch = Descriptors(owning: [])

    private let latest: UInt64?
    /// When it must end, on the monotonic clock; nothing once it has been told to.
    package var deadline: UInt64? { reason == nil ? latest : nil }
    private var startedAt: UInt64 = 0
    private var endedAt: UInt64 = 0
    private var reason: Outcome.Reason?
    private var refusal: Refusal?
    private var figures: (cpuUS: UInt64, peakMemory: UInt64?)?

    // MARK: the keeper's half of the set-up

    /// Returns when pid 1 has all it needs; what it then does is reported through the channel. On failure nothing stays.
    package static func start(
        _ request: SandboxRequest, streams: [Int32], in foundations: Foundations, _ log: inout StepLog
    ) throws(Refusal) -> Sandbox {
        if let problem = request.problem() { throw Refusal(.request, problem) }
        try foundations.engine.check(waived: request.waived)
        let inputs = try Inputs(request)
        let sandbox = try birth(request, streams, foundations, &log)
        do throws(Refusal) {
            try sandbox.hand(inputs, to: request, &log)
            try sandbox.limit(request, &log)
            return sandbox
        } catch {
            // When pid 1 gave up first, its reason is the true one; ours is only that it is gone.
            _ = sandbox.hear()
            let reason = sandbox.refusal ?? error
            sandbox.kill()
            _ = try? Processes.wait(for: sandbox.pid)
            sandbox.remove()
            throw reason
        }
    }

    /// A process in its namespaces, and the group that it is born into.
    private static func birth(
        _ request: SandboxRequest, _ streams: [Int32], _ foundations: Foundations, _ log: inout StepLog
    ) throws(Refusal) -> Sandbox {
        let start = Clock.now
        let (block, group) = try makeGroup(foundations, &log)
        do throws(Refusal) {
            try lend(streams, to: block)
            do throws(SystemError) {
                let sandbox = try Sandbox(request, streams, group, block, foundations)
                log.add("give birth", from: start)
                return sandbox
            } catch {
                throw Refusal(.step, "give birth: \(error)")
            }
        } catch {
            group.remove()
            foundations.blocks.release(block)
            throw error
        }
    }

    /// A block of uids and the group of its name. A leftover of that name which will not go (a process of it may hang in
    /// the kernel) is left to a later sweep, and the next block taken.
    private static func makeGroup(
        _ foundations: Foundations, _ log: inout StepLog
    ) throws(Refusal) -> (UserBlock, SandboxGroup) {
        var stuck: [UserBlock] = []
        defer { for block in stuck { foundations.blocks.release(block) } }
        while true {
            let block = try foundations.blocks.take()
            do throws(Refusal) {
                let group = try log.step("make the group") { () throws(SystemError) in
                    try SandboxGroup(block, in: foundations.engine)
                }
                return (block, group)
            } catch {
                stuck.append(block)
                if stuck.count == 4 { throw error }
            }
        }
    }

    private init(
        _ request: SandboxRequest, _ streams: [Int32], _ group: SandboxGroup, _ block: UserBlock,
        _ foundations: Foundations
    ) throws(SystemError) {
        var namespaces: Namespaces = [.user, .mount, .pid, .time]
        if !request.without.contains(.ipcNamespace) { namespaces.insert(.ipc) }
        if !request.without.contains(.hostNameNamespace) { namespaces.insert(.hostName) }
        let ends = try MessageSocket.pair()
        let here = MessageSocket(raw: ends.here)
        let there = MessageSocket(raw: ends.there)
        let plan = InsidePlan(
            request: request, hostName: block.groupName,
            filter: foundations.filter, streams: streams, channel: there.raw)
        let place = try group.open()
        // The kernel counts what a user namespace uses (signals, watches, queues) to whoever made it: that must be the
        // sandbox's own block, or it could use up what root and all other sandboxes have.
        try Credentials.setEffectiveUser(block.base)
        switch try Self.forkAsOther(into: namespaces, cgroup: place) {
        case .child:
            Inside.run(plan)
        case .parent(let pid, let handle):
            self.pid = pid
            process = handle
        }
        channel = here
        id = request.id
        self.group = group
        self.block = block
        self.foundations = foundations
        latest = request.timeoutMS > 0 ? Clock.now + request.timeoutMS * 1_000_000 : nil
    }

    /// Forks, and becomes root again whatever came of it.
    private static func forkAsOther(
        into namespaces: Namespaces, cgroup: borrowing FileDescriptor?
    ) throws(SystemError) -> Processes.Fork {
        do throws(SystemError) {
            switch try Processes.fork(into: namespaces, cgroup: cgroup) {
            case .child:
                return .child
            case .parent(let pid, let handle):
                try Credentials.setEffectiveUser(0)
                return .parent(pid: pid, handle: handle)
            }
        } catch {
            try Credentials.setEffectiveUser(0)
            throw error
        }
    }

    /// The command's streams must not be a way into the host's tree, and a pipe shall be openable by its new user.
    private static func lend(_ streams: [Int32], to block: UserBlock) throws(Refusal) {
        do throws(SystemError) {
            for stream in streams {
                let about = try Files.kind(of: stream)
                if about.kind == .directory {
                    throw SystemError(call: "use", subject: "a directory as a standard stream", code: EISDIR)
                }
                if about.kind == .pipe(anonymous: true) {
                    try Files.changeOwner(of: stream, to: block.base + Privileges.user)
                }
            }
        } catch {
            throw Refusal(.input, "\(error)")
        }
    }

    private func limit(_ request: SandboxRequest, _ log: inout StepLog) throws(Refusal) {
        let (engine, group) = (foundations.engine, group)
        try log.step("set the limits") { () throws(SystemError) in
            try group.apply(GroupLimits(memoryMB: request.memoryMB), waived: request.waived, in: engine)
        }
        memoryWatch = try log.step("watch the memory") { () throws(SystemError) in try group.watchMemory() }
        // Pid 1 needs these last of all, and may be waiting for them.
        try log.step("hand over the groups") { () throws(SystemError) in
            var handed = HandedOver()
            for raw in try group.joinFiles() { handed.add(.group, FileDescriptor(owning: raw)) }
            try send(.go(handed: handed.kinds), handed.raws)
        }
    }

    /// Gives pid 1 its users and its mounts, and lets it go on.
    private func hand(
        _ inputs: consuming Inputs, to request: SandboxRequest, _ log: inout StepLog
    ) throws(Refusal) {
        let (map, pid) = (block.map, pid)
        let users = try log.step("map the users") { () throws(SystemError) in
            let directory = try Files.open("/proc/\(pid)", [.nameOnly, .directory])
            try Files.control("uid_map", in: Directory(directory), map)
            try Files.control("gid_map", in: Directory(directory), map)
            // A keeper that the kernel shall spare when memory runs out must not pass that on.
            try Files.control("oom_score_adj", in: Directory(directory), "0")
            return try Files.open("ns/user", in: Directory(directory))
        }
        let start = Clock.now
        do throws(SystemError) {
            let handed = try inputs.mounts(without: request.without, userNamespace: users)
            log.add("make the mounts ready", from: start)
            try send(.go(handed: handed.kinds), handed.raws)
        } catch {
            throw Refusal(.step, "make the mounts ready: \(error)")
        }
    }

    private func send(_ message: InitRequest, _ raws: [Int32] = []) throws(SystemError) {
        try channel.send(message.encoded(), descriptors: raws)
    }

    // MARK: watching

    /// The numbers to watch: the channel, the process, and on cgroup v1 the memory.
    package var watched: (channel: Int32, process: Int32, memory: Int32?) {
        (channel.raw, process.raw, memoryWatch.count > 0 ? memoryWatch[0] : nil)
    }

    /// Hears what pid 1 has to say; gives the steps of the start when it has just started the command.
    package func hear() -> [Step]? {
        var steps: [Step]?
        while let report = nextReport() {
            switch report {
            case .started(let all):
                // Once, and before the end.
                guard startedAt == 0, endedAt == 0 else { continue }
                startedAt = Clock.now
                steps = all
            case .refused(let refusal): self.refusal = refusal
            case .exited(let status): end(.exited(status))
            case .signalled(let number): end(.signalled(number))
            }
        }
        return steps
    }

    private func nextReport() -> InitReport? {
        guard let reception = try? channel.receive(block: false, limit: InitReport.longest) else {
            distrust()
            return nil
        }
        switch consume reception {
        case .nothing: return nil
        case .closed: return nil
        case .message(let message):
            if let report = try? InitReport(decoding: message.bytes) { return report }
            distrust()
            return nil
        }
    }

    /// Pid 1 sent what is no message of ours: whoever speaks there, all of it ends.
    private func distrust() {
        refusal = Refusal(.step, "pid 1 of the sandbox sent what is no message")
        kill()
    }

    private func end(_ reason: Outcome.Reason) {
        if self.reason == nil { self.reason = reason }
        endedAt = Clock.now
        // Read now, while pid 1 is still on its way out.
        figures = (group.cpuMicroseconds(), group.peakMemory())
    }

    package func forward(signal number: Int32) {
        // When pid 1 is gone already, there is nothing left to signal.
        try? send(.signal(number))
    }

    /// Ends the sandbox for a reason: all of it, at once.
    package func end(because reason: Outcome.Reason) {
        if self.reason == nil { self.reason = reason }
        kill()
    }

    /// cgroup v1 reports a lack of memory before the kernel has killed anything for it, and it may yet find some: until
    /// this time, look again and again.
    package private(set) var isShortOfMemoryUntil: UInt64?

    package func noticeShortage() { isShortOfMemoryUntil = Clock.now + 5_000_000_000 }

    /// Ends all of it when the kernel has killed a part of it for lack of memory.
    package func endIfOutOfMemory() {
        if isOutOfMemory() {
            isShortOfMemoryUntil = nil
            end(because: .outOfMemory)
        } else if let until = isShortOfMemoryUntil, until < Clock.now {
            isShortOfMemoryUntil = nil
        }
    }

    private func isOutOfMemory() -> Bool { group.outOfMemoryKills() > 0 }

    private func kill() {
        group.kill()
        // Pid 1 of a namespace takes all others with it; this also serves hosts without cgroup2.
        try? Processes.signal(SIGKILL, to: process)
    }

    // MARK: the end

    package enum End {
        case outcome(Outcome)
        case refusal(Refusal)
    }

    /// Called when pid 1 has ended: takes the kernel's figures and removes what is left.
    package func bury() -> End {
        let pidOne = try? Processes.wait(for: pid)?.ending
        if endedAt == 0 { endedAt = Clock.now }
        if isOutOfMemory() { reason = .outOfMemory }
        let (cpuUS, peakMemory) = figures ?? (group.cpuMicroseconds(), group.peakMemory())
        let outcome = Outcome(
            reason: reason ?? .killed, wallNS: startedAt == 0 || endedAt < startedAt ? 0 : endedAt - startedAt,
            cpuUS: cpuUS,
            peakMemory: peakMemory)
        remove()
        if reason == nil, let refusal { return .refusal(refusal) }
        // Not a word from it, and nobody killed it: the fault is ours.
        if reason == nil, startedAt == 0, pidOne != .signalled(SIGKILL) {
            return .refusal(Refusal(.step, "pid 1 of the sandbox died before it started the command"))
        }
        return .outcome(outcome)
    }

    /// Its descriptors close with the last reference to this object.
    private func remove() {
        group.remove()
        foundations.blocks.release(block)
    }
}
