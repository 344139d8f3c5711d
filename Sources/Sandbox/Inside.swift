// Pid 1 of a sandbox: a fork of the keeper that sets the sandbox up from inside and gives up every right. `setUp` is the
// order of the isolation; it stands nowhere else. What pid 1 does afterwards is in Guarding.swift.
//
// It runs beside untrusted code for as long as the sandbox lives: after `setUp` it holds no descriptor but its channel
// to the keeper, and no right but to signal what runs inside.

import Glibc
import Linux
import Snapshot
import Wire

/// What pid 1 knows from birth.
struct InsidePlan: ~Copyable {
    let request: SandboxRequest
    let hostName: String
    let filter: [UInt8]
    /// Numbers of descriptors that were the keeper's: the standard streams of the command, or of pid 1 itself where it
    /// waits, and the channel.
    let streams: [Int32]
    let channel: Int32
    /// What shall be restored here, later.
    var restoration: Restoration?
}

struct Inside: ~Copyable {
    let plan: InsidePlan
    let channel: MessageSocket
    var log = StepLog(.inside)
    /// The listeners of the Runtime API, until the keeper has them.
    var listeners = Descriptors(owning: [])
    /// What was started in a sandbox that waits, and has not ended. What is to be restored is in here from the beginning:
    /// later it would be memory.
    var processes: [InsideProcess]
    /// What a sandbox was made for, where it was made for a command.
    var command: Int32 = 0

    /// Where the time of what is restored is set; one or none.
    var timeOffsets = Descriptors(owning: [])
    /// Holds the rights that a restore takes, and nothing has run here yet.
    var isOpen = false
    /// Where what is restored waits until all of it has arrived; until it is open, or will never be.
    var gate: RestoreGate?
    var isRestoring: Bool { gate != nil && !isOpen }
    /// Has memory of the snapshot that it needs no more.
    var hasToForget = false

    var without: [Measure] { plan.request.without }
    var waits: Bool { plan.request.waits }

    /// Where the channel is moved to: the first number behind the standard streams.
    static let channelNumber: Int32 = 3

    /// Never returns: what the keeper has on its stack and in its objects is not this process's to give back.
    static func run(_ plan: consuming InsidePlan) -> Never {
        // An ignored one would be inherited, and the end of the command never heard of.
        Signals.useDefault(SIGCHLD)
        Processes.hideArguments()
        var inside = Inside(plan)
        do throws(Refusal) {
            try inside.setUp()
            try inside.begin()
            inside.watch()
        } catch {
            inside.report(.refused(error))
        }
        _exit(0)
    }

    private init(_ plan: consuming InsidePlan) {
        processes = plan.restoration?.processes ?? []
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
        let (streams, channel, without) = (plan.streams, plan.channel, without)
        let isToRestore = plan.restoration != nil
        try log.step("close the host's descriptors") { () throws(SystemError) in
            try Self.keepOnly(
                streams, channel, closingOthers: !without.contains(.closedDescriptors), keepingSnapshot: isToRestore)
        }
        // The dearest namespace is made here and not at birth, so that the keeper gets on meanwhile.
        if !without.contains(.networkNamespace) {
            try log.step("network of its own") { () throws(SystemError) in
                try Namespaces.network.unshare()
                try Network.bringLoopbackUp()
            }
        }
        if waits { try listen() }
        if !without.contains(.hostNameNamespace) {
            let name = plan.hostName
            try log.step("host name") { () throws(SystemError) in try Network.setHostName(name) }
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
        let waived = plan.request.waived
        try log.step("resource limits") { () throws(SystemError) in
            Files.setCreationMask(0o022)
            try Privileges.setLimits(waived: waived)
        }
        // Before there is anybody who has it from pid 1.
        if !without.contains(.procMasks) {
            try log.step("audit identity") { () throws(SystemError) in try KernelSettings.setAuditIdentity() }
        }
        if let restoration = plan.restoration { return try setUp(for: restoration) }
        try closeSettings()
        // Without no_new_privs, an experiment, only who still has rights may install a filter.
        if without.contains(.noNewPrivileges) { try filterCalls() }
        try log.step("drop privileges") { () throws(SystemError) in try Privileges.drop(without: without) }
        // The kernel forgets it whenever the user changes. If the keeper went meanwhile, the channel says so.
        try log.step("die with the keeper, again") { () throws(SystemError) in try Processes.dieWithParent() }
        // Last: the steps above need calls that nothing needs after them.
        if !without.contains(.noNewPrivileges) { try filterCalls() }
    }

    /// Before anything else runs in this network, or it could take the addresses first and answer in our stead.
    private mutating func listen() throws(Refusal) {
        listeners = try log.step("listen for runtimes") { () throws(SystemError) in
            var made = Descriptors(owning: [])
            made.add(try Network.listen(port: RuntimeListener.port))
            // Where the kernel cannot refuse descriptors there is no such socket, and runtimes keep to TCP.
            if let local = try Network.listen(name: RuntimeListener.name) { made.add(local) }
            return made
        }
    }

    /// After the last namespace of the sandbox, and as long as pid 1 is root inside.
    mutating func closeSettings() throws(Refusal) {
        let without = without
        try log.step("forbid namespaces, close /proc/sys") { () throws(SystemError) in
            try KernelSettings.close(without: without)
        }
    }

    private mutating func filterCalls() throws(Refusal) {
        guard !without.contains(.seccomp) else { return }
        let filter = plan.filter
        try log.step("filter system calls") { () throws(SystemError) in try SystemCallFilter.install(filter) }
    }

    private static func keepOnly(
        _ streams: [Int32], _ channel: Int32, closingOthers: Bool, keepingSnapshot: Bool
    ) throws(SystemError) {
        for (target, raw) in streams.enumerated() where raw != target {
            try FileDescriptor.duplicate(raw, onto: Int32(target))
        }
        try FileDescriptor.duplicate(channel, onto: channelNumber, closeOnExec: true)
        if closingOthers { closeOthers(butOfSnapshot: keepingSnapshot) }
    }

    /// All but the standard streams, the channel, and where one is to be restored the pages of a snapshot.
    static func closeOthers(butOfSnapshot: Bool = false) {
        guard butOfSnapshot else { return FileDescriptor.closeAll(from: channelNumber + 1) }
        FileDescriptor.closeRange(from: channelNumber + 1, through: Restoration.pagesDescriptor - 1)
        FileDescriptor.closeAll(from: Restoration.pagesDescriptor + 1)
    }

    /// Waits until the keeper has mapped the users and made the mounts ready.
    private mutating func receiveMounts() throws(Refusal) -> RootAssembly {
        let (kinds, raws) = try log.step("wait for the mounts") { () throws(SystemError) in try Self.nextGo(channel) }
        func all(_ kind: Handed) -> Descriptors {
            var found = Descriptors(owning: [])
            for (index, raw) in raws.enumerated() where kinds[index].rawValue == kind.rawValue {
                found.add(FileDescriptor(owning: raw))
            }
            return found
        }
        var roots = all(.root)
        var devices = all(.devices)
        guard let root = roots.next(), let device = devices.next() else {
            throw Refusal(.step, "the keeper handed over no root")
        }
        return RootAssembly(
            root: root, devices: device, skeleton: all(.skeleton), code: all(.code), layers: all(.layer))
    }

    private mutating func joinGroups() throws(Refusal) {
        let (_, groups) = try log.step("wait for the limits") { () throws(SystemError) in try Self.nextGo(channel) }
        try log.step("join the groups") { () throws(SystemError) in
            for raw in groups {
                let tasks = FileDescriptor(owning: raw)
                try Files.write(Array("0".utf8), to: tasks.raw, named: "tasks")
            }
        }
    }

    private static func nextGo(_ channel: borrowing MessageSocket) throws(SystemError) -> GoMessage {
        // No message means that the keeper is gone: then nothing may go on here.
        guard case .message(var message) = try channel.receive(limit: InitRequest.longestWithoutStart),
            case .go(let handed)? = try? InitRequest(decoding: message.bytes),
            handed.count == message.descriptors.count
        else { _exit(0) }
        var raws: [Int32] = []
        while let descriptor = message.descriptors.next() { raws.append(descriptor.release()) }
        return (handed, raws)
    }

    private typealias GoMessage = (kinds: [Handed], raws: [Int32])

    func report(_ message: InitReport, _ descriptors: [Int32] = []) {
        // When the keeper is gone there is nobody to tell, and this process is about to end.
        try? channel.send(message.encoded(), descriptors: descriptors)
    }
}

/// Where a runtime finds the Runtime API, inside.
enum RuntimeListener {
    static let port: UInt16 = 9001
    /// Abstract: no file system has to have a place for it.
    static let name = "martlet-runtime"
}
