// Pid 1 of a sandbox: a fork of the keeper that sets the sandbox up from inside, gives up every right, starts the
// command, and from then on only reaps, forwards signals and waits. `setUp` is the order of the isolation; it stands
// nowhere else.
//
// It runs beside untrusted code for as long as the sandbox lives: after `setUp` it holds no descriptor but its channel
// to the keeper, and no right but to signal what runs inside.

import Glibc
import Linux
import Wire

/// What pid 1 knows from birth.
struct InsidePlan {
    let request: SandboxRequest
    let hostName: String
    let filter: [UInt8]
    /// Numbers of descriptors that were the keeper's: the command's standard streams, and the channel.
    let streams: [Int32]
    let channel: Int32
}

struct Inside: ~Copyable {
    private let plan: InsidePlan
    private let channel: MessageSocket
    private var log = StepLog(.inside)

    private var without: [Measure] { plan.request.without }

    /// Where the channel is moved to: the first number behind the standard streams.
    private static let channelNumber: Int32 = 3

    /// Never returns: what the keeper has on its stack and in its objects is not this process's to give back.
    static func run(_ plan: InsidePlan) -> Never {
        // An ignored one would be inherited, and the end of the command never heard of.
        Signals.useDefault(SIGCHLD)
        Processes.hideArguments()
        var inside = Inside(plan)
        do throws(Refusal) {
            try inside.setUp()
            let command = try inside.startCommand()
            inside.watch(command)
        } catch {
            inside.report(.refused(error))
        }
        _exit(0)
    }

    private init(_ plan: InsidePlan) {
        self.plan = plan
        channel = MessageSocket(raw: Self.channelNumber)
    }

    // MARK: the order of the isolation

    private mutating func setUp() throws(Refusal) {
        // First of all, so that at no moment a half-made sandbox can outlive its keeper.
        try log.step("die with the keeper") { () throws(SystemError) in
            try Processes.dieWithParent()
            try Processes.setDumpable(false)
            try Processes.scheduleOrdinarily()
        }
        // Before anything is opened here: what is open after this is known by number.
        let (plan, without) = (plan, without)
        try log.step("close the host's descriptors") { () throws(SystemError) in
            try Self.keepOnly(plan.streams, plan.channel, closingOthers: !without.contains(.closedDescriptors))
        }
        // The dearest namespace is made here and not at birth, so that the keeper gets on meanwhile.
        if !without.contains(.networkNamespace) {
            try log.step("network of its own") { () throws(SystemError) in
                try Namespaces.network.unshare()
                try Network.bringLoopbackUp()
            }
        }
        if !without.contains(.hostNameNamespace) {
            try log.step("host name") { () throws(SystemError) in try Network.setHostName(plan.hostName) }
        }
        let mounts = try receiveMounts()
        try log.step("mounts of its own") { () throws(SystemError) in try Mounts.makeAllPrivate() }
        // Everything that is made from here on belongs to the sandbox's own root.
        try log.step("become root inside") { () throws(SystemError) in
            try Credentials.setGroup(0)
            try Credentials.setUser(UserIDs(all: 0))
        }
        try mounts.assemble(&log, tmpMB: plan.request.tmpMB, without: without)
        // By now the keeper has set the limits. Born into the group of cgroup v2, this process joins those of v1 itself.
        try joinGroups()
        // After joining, so that the sandbox sees its own group as the root of all groups.
        if !without.contains(.cgroupNamespace) {
            try log.step("cgroup namespace") { () throws(SystemError) in try Namespaces.cgroup.unshare() }
        }
        try log.step("working directory") { () throws(SystemError) in try Mounts.changeDirectory(to: "/var/task") }
        try log.step("resource limits") { () throws(SystemError) in
            Files.setCreationMask(0o022)
            try Privileges.setLimits(waived: plan.request.waived)
        }
        // Without no_new_privs, an experiment, only who still has rights may install a filter.
        if without.contains(.noNewPrivileges) { try filterCalls() }
        try log.step("drop privileges") { () throws(SystemError) in try Privileges.drop(without: without) }
        // The kernel forgets it whenever the user changes. If the keeper went meanwhile, the channel says so.
        try log.step("die with the keeper, again") { () throws(SystemError) in try Processes.dieWithParent() }
        // Last: the steps above need calls that nothing needs after them.
        if !without.contains(.noNewPrivileges) { try filterCalls() }
    }

    private mutating func filterCalls() throws(Refusal) {
        guard !without.contains(.seccomp) else { return }
        let filter = plan.filter
        try log.step("filter system calls") { () throws(SystemError) in try SystemCallFilter.install(filter) }
    }

    private static func keepOnly(_ streams: [Int32], _ channel: Int32, closingOthers: Bool) throws(SystemError) {
        for (target, raw) in streams.enumerated() where raw != target {
            try FileDescriptor.duplicate(raw, onto: Int32(target))
        }
        try FileDescriptor.duplicate(channel, onto: channelNumber, closeOnExec: true)
        if closingOthers { FileDescriptor.closeAll(from: channelNumber + 1) }
    }

    /// Waits until the keeper has mapped the users and made the mounts ready.
    private mutating func receiveMounts() throws(Refusal) -> RootAssembly {
        let (kinds, raws) = try log.step("wait for the mounts") { () throws(SystemError) in try Self.nextGo(channel) }
        func all(_ kind: Handed) -> [Int32] { zip(kinds, raws).filter { $0.0 == kind }.map(\.1) }
        guard let root = all(.root).first, let devices = all(.devices).first else {
            throw Refusal(.step, "the keeper handed over no root")
        }
        return RootAssembly(
            root: FileDescriptor(owning: root), devices: FileDescriptor(owning: devices),
            skeleton: Descriptors(owning: all(.skeleton)), code: Descriptors(owning: all(.code)),
            layers: Descriptors(owning: all(.layer)))
    }

    private mutating func joinGroups() throws(Refusal) {
        let (_, groups) = try log.step("wait for the limits") { () throws(SystemError) in try Self.nextGo(channel) }
        try log.step("join the groups") { () throws(SystemError) in
            for raw in groups { try Files.write(Array("0".utf8), to: raw, named: "tasks") }
        }
    }

    private static func nextGo(_ channel: borrowing MessageSocket) throws(SystemError) -> GoMessage {
        // No message means that the keeper is gone: then nothing may go on here.
        guard case .message(var message) = try channel.receive(limit: InitRequest.longest),
            case .go(let handed)? = try? InitRequest(decoding: message.bytes),
            handed.count == message.descriptors.count
        else { _exit(0) }
        var raws: [Int32] = []
        while let descriptor = message.descriptors.next() { raws.append(descriptor.release()) }
        return (handed, raws)
    }

    private typealias GoMessage = (kinds: [Handed], raws: [Int32])

    // MARK: the command

    private mutating func startCommand() throws(Refusal) -> Int32 {
        let request = plan.request
        let path = try Command.find(request.command[0], environment: request.environment)
        let start = Clock.now
        let pid: Int32
        do throws(SystemError) {
            pid = try Spawn.start(
                path, arguments: request.command, environment: request.environment, ownSession: true)
        } catch {
            throw Command.refusal(of: path, error)
        }
        log.add("start the command", from: start)
        do throws(SystemError) {
            if !without.contains(.capabilities) { try Credentials.setUser(Privileges.guardian) }
            // The command's streams are its own: whoever reads them shall see their end when it ends.
            FileDescriptor.closeRange(from: 0, through: 2)
            FileDescriptor.closeAll(from: Self.channelNumber + 1)
        } catch {
            throw Refusal(.step, "guard the command: \(error)")
        }
        report(.started(steps: log.steps))
        return pid
    }

    // MARK: afterwards

    /// Reaps whatever ends, forwards signals, and returns when the command has ended or the keeper is gone; the kernel
    /// then kills what is left inside.
    private func watch(_ command: Int32) {
        do throws(SystemError) {
            let children = try Signals.divert([SIGCHLD])
            let queue = try EventQueue()
            try queue.watch(children.raw, token: 0)
            try queue.watch(channel.raw, token: 1)
            // One that ended before the signal was diverted.
            if try reap(command) { return }
            while true {
                for token in try queue.wait(milliseconds: -1) {
                    if token == 0 {
                        _ = try Signals.take(from: children)
                        if try reap(command) { return }
                    } else {
                        if try !forwardSignals(to: command) { return }
                    }
                }
            }
        } catch {
            report(.refused(Refusal(.step, "watch the command: \(error)")))
        }
    }

    /// False when the keeper is gone.
    private func forwardSignals(to command: Int32) throws(SystemError) -> Bool {
        while true {
            switch try channel.receive(block: false, limit: InitRequest.longest) {
            case .closed: return false
            case .nothing: return true
            case .message(let message):
                if case .signal(let number)? = try? InitRequest(decoding: message.bytes) {
                    try? Processes.signal(number, toProcess: command)
                }
            }
        }
    }

    /// True when the command itself was among those that ended.
    private func reap(_ command: Int32) throws(SystemError) -> Bool {
        while let (pid, ending) = try Processes.wait(block: false) {
            guard pid == command else { continue }
            switch ending {
            case .exited(let status): report(.exited(status: status))
            case .signalled(let number): report(.signalled(number: number))
            }
            return true
        }
        return false
    }

    private func report(_ message: InitReport) {
        // When the keeper is gone there is nobody to tell, and this process is about to end.
        try? channel.send(message.encoded())
    }
}
