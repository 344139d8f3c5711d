// Makes a snapshot of what runs in a sandbox: stops it, copies what cannot be had again, and lets it go on. Runs in a
// process of its own, forked for this one capture: its end, however it comes, lets everything go on.

import Glibc
import Linux
package import Wire

package final class Capture {
    /// The write ends that its processes log to: device and inode of each.
    let logs: [[UInt64]]
    /// What the supervisor calls the processes that it had started.
    let numbers: [(pid: Int32, number: UInt32)]
    let pages: PageFile
    let tree: TreeCapture
    let spending: Spending

    var lines: [Int32: [MappingLine]] = [:]
    var files: [OpenFile] = []
    /// A descriptor for each open file, to compare others with.
    var holders: [(pid: Int32, number: Int32, link: String)] = []
    var channels: [[UInt64]] = []
    var leftOut: [String] = []
    /// Unix sockets and their other ends, by inode.
    var peers: [UInt64: UInt64] = [:]

    package init(
        logs: [[UInt64]], numbers: [(pid: Int32, number: UInt32)], pages: PageFile, ceilings: Ceilings,
        failing step: Int? = nil
    ) {
        self.logs = logs
        self.numbers = numbers
        self.pages = pages
        failing = step
        spending = Spending(ceilings)
        tree = TreeCapture(pages, spending)
        pages.most = ceilings.copiedBytes
    }

    /// A step that shall fail, for a test, counted from zero.
    private let failing: Int?
    private var step = 0

    private func next(_ words: String) throws(Refusal) {
        defer { step += 1 }
        if step == failing { throw Refusal(.snapshot, "\(words): made to fail (step \(step))") }
    }

    /// - Parameter guardian: pid 1 of the sandbox, by its number here
    /// - Parameter list: the file in which the kernel lists all threads of the sandbox's group
    package func run(guardian: Int32, listed list: String) throws(Refusal) -> Plan {
        do {
            return try capture(guardian, list)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.snapshot, "\(error)")
        }
    }

    /// Pid 1 of the sandbox.
    private(set) var guardian: Int32 = 0
    /// How many filters of system calls it has: what has more has one of its own.
    private(set) var ownFilters = ""

    private func capture(_ guardian: Int32, _ list: String) throws -> Plan {
        self.guardian = guardian
        ownFilters = try ProcFile.values("/proc/\(guardian)/status")["Seccomp_filters"]?.first ?? ""
        // From here on this process sees the sandbox's own queues, segments and sockets.
        try Namespaces.enter(["ipc", "net"], of: guardian)
        if SystemVObjects.areThere {
            throw Refusal(.snapshot, "it has semaphores, queues or shared memory of System V")
        }
        let begin = Clock.now
        try next("stop the processes")
        let stopped = try StoppedTree(of: guardian, listed: list)
        try spending.take(.processes, stopped.processes.count)
        try checkThreads(of: stopped)
        var plan = Plan()
        peers = try UnixPeers.all()
        try next("read the files of /tmp")
        try tree.capture(below: "/proc/\(guardian)/root")
        for process in stopped.processes {
            var state = ProcessState()
            try next("read the table of mappings")
            try captureMappings(of: process, &state)
            try next("read the state of a process")
            try capture(process, &state)
            try next("read its descriptors")
            try captureDescriptors(of: process, &state)
            try next("copy its memory")
            try captureMemory(of: process, &state)
            plan.processes.append(state)
        }
        try next("read its clocks")
        (plan.monotonic, plan.bootTime) = try Self.clocks(of: stopped.processes[0].pid)
        stopped.letGo()
        plan.stoppedUS = (Clock.now - begin) / 1000
        plan.files = files
        plan.entries = tree.entries
        plan.leftOut = leftOut.map { Remark($0) }
        plan.capturedAtMS = Clock.wallMilliseconds
        if files.count(where: { $0.kind == .runtimeSocket }) > 1 {
            throw Refusal(.snapshot, "there is more than one connection to \(Self.runtimeSocket)")
        }
        return plan
    }

    /// Monotonic and boot time as the processes see them.
    private static func clocks(of pid: Int32) throws(SystemError) -> (Int64, Int64) {
        var offsets: [String: Int64] = [:]
        for line in try Files.readText("/proc/\(pid)/timens_offsets").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 3, let seconds = Int64(fields[1]), let rest = Int64(fields[2]) else { continue }
            offsets[String(fields[0])] = seconds * 1_000_000_000 + rest
        }
        return (
            Int64(Clock.now) + (offsets["monotonic"] ?? 0), Int64(Clock.sinceBoot) + (offsets["boottime"] ?? 0)
        )
    }

    /// A file that is mapped so that all who map it see each other's changes: the place among the open files.
    func sharedFile(_ link: String, _ name: String, _ isWritten: Bool) throws -> UInt32 {
        let open = try StillFile.read(link, name)
        let about = try FileDetails(open.raw)
        // Named by its place: mapped twice in the same way, it is one.
        let identity = "mapped \(about.device) \(about.inode) \(isWritten)"
        if let known = holders.firstIndex(where: { $0.link == identity }) { return UInt32(known) }
        for (index, holder) in holders.enumerated() where holder.pid > 0 {
            guard let other = try? FileDetails(of: try OtherProcess(holder.pid).descriptor(holder.number)) else {
                continue
            }
            if other.identity == about.identity, isWritten == (files[index].flags & 3 != 0) { return UInt32(index) }
        }
        var file = OpenFile()
        file.flags = UInt32(isWritten ? O_RDWR : O_RDONLY)
        if name.hasSuffix(" (deleted)") {
            file.kind = .memory
            file.path = "shared"
            try copyContents(of: open.raw, size: about.size, to: &file)
        } else {
            file.path = name
        }
        files.append(file)
        holders.append((0, -1, identity))
        return UInt32(files.count - 1)
    }
}
