// One sandbox, as its keeper holds it. `start` is the keeper's half of the set-up, in order; the other half is in
// Inside.swift and runs at the same time. What happens later is in SandboxReports (what pid 1 says), SandboxDemands (what
// the keeper asks of it) and SandboxEnd.

import Glibc
import Linux
package import Wire

package final class Sandbox {
    package let id: UInt32
    /// Without a command: processes are started in it one by one.
    let waits: Bool
    /// The directories that it was made of, for a snapshot to be bound to.
    let request: SandboxRequest
    let foundations: Foundations
    let block: UserBlock
    let group: SandboxGroup
    let pid: Int32
    let process: FileDescriptor
    let channel: MessageSocket
    private let trees: HeldTrees?
    /// On cgroup v1 only.
    private var memoryWatch = Descriptors(owning: [])
    /// The keeper's steps, until pid 1 has sent its own.
    var steps: [Step] = []

    private let latest: UInt64?
    /// When it must end, on the monotonic clock; nothing once it has been told to.
    package var deadline: UInt64? { reason == nil ? latest : nil }
    package var hasStarted: Bool { startedAt > 0 }
    var startedAt: UInt64 = 0
    var endedAt: UInt64 = 0
    var reason: Outcome.Reason?
    /// What pid 1 said, and what we found: its word goes first, because ours is often only that it is gone.
    var refusal: Refusal?
    var failure: Refusal?
    var isDistrusted = false
    /// It was told to end, for whatever reason: what works on it has nothing to work on any more.
    package internal(set) var isEnding = false
    var figures: (cpuUS: UInt64, peakMemory: UInt64?)?
    /// cgroup v1 reports a lack of memory before the kernel has killed anything for it, and it may yet find some: until
    /// this time, look again and again.
    package internal(set) var isShortOfMemoryUntil: UInt64?

    /// The processes that were started here one by one, and the sockets that were asked for: whatever pid 1 says beyond
    /// these is not believed.
    var started: [Started] = []
    var socketsAsked = 0

    package var snapshot: String? { request.snapshot }
    /// A restore was asked for, and nothing has been heard of it yet.
    var isRestoring = false

    struct Started {
        let number: UInt32
        /// Its number inside; zero until pid 1 has said that it runs.
        var pid: Int32 = 0
        var runs: Bool { pid != 0 }
    }

    // MARK: the keeper's half of the set-up

    /// Returns when pid 1 has all it needs, or has been killed because it cannot have it; what then becomes of it is
    /// reported through the channel. It is not waited for. On an error nothing stays.
    package static func start(
        _ request: SandboxRequest, streams: [Int32], from template: Template? = nil, in foundations: Foundations,
        _ log: inout StepLog
    ) throws(Refusal) -> Sandbox {
        if let problem = request.problem() { throw Refusal(.request, problem) }
        try foundations.engine.check(waived: request.waived)
        let sandbox = try birth(request, streams, template, foundations, &log)
        do throws(Refusal) {
            // Not before the birth: pid 1 makes its network meanwhile, which takes longer than all that is done here.
            let inputs = try Inputs(request, within: foundations.confinement)
            try sandbox.hand(inputs, to: request, &log)
            try sandbox.limit(request, &log)
        } catch {
            sandbox.fail(error)
        }
        sandbox.steps = log.steps
        return sandbox
    }

    /// A process in its namespaces, and the group that it is born into.
    private static func birth(
        _ request: SandboxRequest, _ streams: [Int32], _ template: Template?, _ foundations: Foundations,
        _ log: inout StepLog
    ) throws(Refusal) -> Sandbox {
        let start = Clock.now
        let (block, group) = try makeGroup(foundations, &log)
        do throws(Refusal) {
            try lend(streams, to: block)
            do throws(SystemError) {
                let sandbox = try Sandbox(request, streams, template, group, block, foundations)
                log.add("give birth", from: start)
                return sandbox
            } catch {
                throw Refusal(.step, "give birth: \(error)")
            }
        } catch {
            if let template, template.isLost { template.end(withChildIn: block.groupName) }
            foundations.removals.remove(group.paths, of: block)
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
                    try SandboxGroup(block.groupName, in: foundations.engine)
                }
                return (block, group)
            } catch {
                stuck.append(block)
                if stuck.count == mostStuck { throw error }
            }
        }
    }

    /// As many as may have been left by a keeper that was killed a moment ago, and are still dying.
    private static let mostStuck = 64

    private init(
        _ request: SandboxRequest, _ streams: [Int32], _ template: Template?, _ group: SandboxGroup,
        _ block: UserBlock, _ foundations: Foundations
    ) throws(SystemError) {
        var namespaces: Namespaces = .user | .mount | .pid | .time
        if !request.without.contains(.ipcNamespace) { namespaces = namespaces | .ipc }
        if !request.without.contains(.hostNameNamespace) { namespaces = namespaces | .hostName }
        let ends = try MessageSocket.pair()
        let here = MessageSocket(raw: ends.here)
        let there = MessageSocket(raw: ends.there)
        // One that waits is given streams with each process. Its own lead nowhere.
        var null = Descriptors(owning: [])
        if request.waits { null.add(try Files.open("/dev/null", .readWrite)) }
        let place = try group.open()
        if let template {
            switch try template.giveBirth(request, block, null: null[0], channel: there.raw, group: place) {
            case .child: throw SystemError(call: "give birth", subject: "twice", code: EINVAL)
            case .parent(let pid, let handle):
                self.pid = pid
                process = handle
            }
        } else {
            let plan = InsidePlan(
                request: request, hostName: block.groupName, filter: foundations.filter,
                streams: request.waits ? Array(repeating: null[0], count: 3) : streams, channel: there.raw)
            // The kernel counts what a user namespace uses (signals, watches, queues) to whoever made it: that must be
            // the sandbox's own block, or it could use up what root and all other sandboxes have.
            try Credentials.setEffectiveUser(block.base)
            switch try Self.forkAsOther(into: namespaces, cgroup: place) {
            case .child:
                Inside.run(plan)
            case .parent(let pid, let handle):
                self.pid = pid
                process = handle
            }
        }
        channel = here
        trees = template?.trees
        id = request.id
        waits = request.waits
        self.request = request
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

    /// A process's streams must not be a way into the host's tree, and a pipe shall be openable by its new user.
    static func lend(_ streams: [Int32], to block: UserBlock) throws(Refusal) {
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

    /// Gives pid 1 its users and its mounts, and lets it go on.
    private func hand(
        _ inputs: consuming Inputs, to request: SandboxRequest, _ log: inout StepLog
    ) throws(Refusal) {
        let (map, pid) = (block.map, pid)
        let users = try log.step("map the users") { () throws(SystemError) in
            let directory = try Files.open("/proc/\(pid)", .nameOnly | .directory)
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

    private func limit(_ request: SandboxRequest, _ log: inout StepLog) throws(Refusal) {
        let (engine, group) = (foundations.engine, group)
        try log.step("set the limits") { () throws(SystemError) in
            try group.apply(
                GroupLimits(memoryMB: request.memoryMB), boost: request.boost, waived: request.waived, in: engine)
        }
        memoryWatch = try log.step("watch the memory") { () throws(SystemError) in try group.watchMemory() }
        // Pid 1 needs these last of all, and may be waiting for them.
        try log.step("hand over the groups") { () throws(SystemError) in
            var handed = HandedOver()
            for raw in try group.joinFiles() { handed.add(.group, FileDescriptor(owning: raw)) }
            try send(.go(handed: handed.kinds), handed.raws)
        }
    }

    func send(_ message: InitRequest, _ raws: [Int32] = []) throws(SystemError) {
        try channel.send(message.encoded(), descriptors: raws, block: false)
    }

    /// The numbers to watch: the channel, the process, and on cgroup v1 the memory.
    package var watched: (channel: Int32, process: Int32, memory: Int32?) {
        (channel.raw, process.raw, memoryWatch.count > 0 ? memoryWatch[0] : nil)
    }
}
