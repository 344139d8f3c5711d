// What a stopped process is, but for its memory and its open files.

import Glibc
import Linux
import Wire

extension Capture {
    /// What cannot be captured for what its threads are, before anything of it is read. And what must hold before a thread
    /// makes a call for us: that its filter is the sandbox's own, the call goes to the kernel, and the stop after it is ours.
    func checkThreads(of stopped: StoppedTree) throws {
        let ours = try Self.program(of: guardian)
        for process in stopped.processes {
            let pid = process.pid
            let inside = ProcFile.innermost(try ProcFile.values("/proc/\(pid)/status")["NSpid"]?.first)
            if process.hasEnded { throw Refusal(.snapshot, "process \(inside) has ended and has not been waited for") }
            guard process.threads[0].tid == pid else {
                throw Refusal(.snapshot, "the first thread of process \(inside) has ended")
            }
            // What is just being started has pid 1's memory until it executes its program.
            if try Self.program(of: pid) == ours {
                throw Refusal(.snapshot, "process \(inside) is just being started")
            }
            for thread in process.threads {
                let status = try ProcFile.values("/proc/\(pid)/task/\(thread.tid)/status")
                if let filters = status["Seccomp_filters"]?.first, filters != ownFilters {
                    throw Refusal(.snapshot, "process \(inside) has a filter of its own (seccomp)")
                }
                if thread.dispatchesCalls() {
                    throw Refusal(.snapshot, "process \(inside) handles its system calls itself (user dispatch)")
                }
                let pending = Self.mask("SigPnd", status) | Self.mask("ShdPnd", status)
                // These cannot be held off while it makes a call.
                for (number, name) in [(SIGTRAP, "SIGTRAP"), (SIGSTOP, "SIGSTOP")]
                where pending >> UInt64(number - 1) & 1 == 1 {
                    throw Refusal(.snapshot, "\(name) waits for process \(inside)")
                }
            }
            try checkLeases(of: pid)
        }
    }

    private static func program(of pid: Int32) throws -> [UInt64] {
        try FileDetails(of: try Files.open("/proc/\(pid)/exe", .nameOnly)).identity
    }

    private static func mask(_ key: String, _ status: [String: [String]]) -> UInt64 {
        UInt64(status[key]?.first ?? "0", radix: 16) ?? 0
    }

    /// To open a file that somebody has a lease on sends him a signal, which ends him if he does not expect it. A lease whose
    /// descriptor was closed while the file is mapped is noticed where the file is opened.
    private func checkLeases(of pid: Int32) throws {
        for number in try Files.names(in: "/proc/\(pid)/fdinfo") {
            for line in try ProcFile.values("/proc/\(pid)/fdinfo/\(number)")["lock"] ?? [] where line.contains("LEASE")
            {
                throw Refusal(.snapshot, "it has a lease on a file (F_SETLEASE): descriptor \(number)")
            }
        }
    }

    func capture(_ stopped: StoppedProcess, _ state: inout ProcessState) throws {
        let pid = stopped.pid
        let status = try ProcFile.values("/proc/\(pid)/status")
        let stat = try ProcFile.stat(of: pid)
        state.pid = ProcFile.innermost(status["NSpid"]?.first)
        state.parent = stopped.parent.map(Int32.init) ?? -1
        state.session = ProcFile.innermost(status["NSsid"]?.first)
        state.group = ProcFile.innermost(status["NSpgid"]?.first)
        state.number = numbers.first { $0.pid == state.pid }?.number ?? 0
        let main = stopped.threads[0]
        let calls = try insideCalls(of: stopped, main, state.kernelMappings)
        try spending.take(.threads, stopped.threads.count)
        for thread in stopped.threads { state.threads.append(try capture(thread, of: pid, with: calls)) }
        state.layout = [
            stat.address(26), stat.address(27), stat.address(45), stat.address(46), stat.address(47),
            UInt64(try calls.make(main, Call.brk, [0])), stat.address(28),
            stat.address(48), stat.address(49), stat.address(50), stat.address(51),
        ]
        state.auxiliary = try Files.read("/proc/\(pid)/auxv", limit: 1024)
        state.program = try ProcFile.link("/proc/\(pid)/exe")
        state.directory = try ProcFile.link("/proc/\(pid)/cwd")
        if state.directory.hasSuffix(" (deleted)") {
            throw Refusal(.snapshot, "the working directory of process \(state.pid) was deleted")
        }
        state.creationMask = UInt32(status["Umask"]?.first ?? "22", radix: 8) ?? 0o22
        state.personality =
            UInt32(try Files.readText("/proc/\(pid)/personality").dropLast(), radix: 16) ?? 0
        state.oomScore = Int32(try Files.readText("/proc/\(pid)/oom_score_adj").dropLast()) ?? 0
        state.coreFilter = String(try Files.readText("/proc/\(pid)/coredump_filter").dropLast())
        state.hasNoHugePages =
            try calls.make(main, Call.prctl, [Control.getHugePagesOff]) == 1
        state.keepsCapabilities =
            try calls.make(main, Call.prctl, [Control.getKeepsCapabilities]) == 1
        state.isDumpable = try calls.make(main, Call.prctl, [Control.getDumpable]) == 1
        state.isSubreaper =
            try calls.ask(main, Call.prctl, [Control.getSubreaper, calls.scratch], length: 8)[0] & 1 == 1
        try captureSignals(main, status, calls, &state)
        try captureTimers(stopped, main, calls, &state)
        state.limits = try Self.limits(of: pid)
    }

    private func captureSignals(
        _ main: TracedThread, _ status: [String: [String]], _ calls: InsideCalls, _ state: inout ProcessState
    ) throws {
        let special = Self.mask("SigCgt", status) | Self.mask("SigIgn", status)
        for signal in UInt64(1)...64 where special >> (signal - 1) & 1 == 1 {
            var action = SignalAction()
            action.signal = UInt32(signal)
            action.words = try calls.ask(
                main, Call.rtSigaction, [signal, 0, calls.scratch, 8], length: 32)
            state.actions.append(action)
        }
        state.pending = try Self.pending(main, shared: true)
    }

    private func captureTimers(
        _ stopped: StoppedProcess, _ main: TracedThread, _ calls: InsideCalls, _ state: inout ProcessState
    ) throws(SystemError) {
        for which in UInt64(0)...2 {
            let times = try calls.ask(main, Call.getitimer, [which, calls.scratch], length: 32)
            state.intervalTimers += [times[0] * 1_000_000 + times[1], times[2] * 1_000_000 + times[3]]
        }
        // ID: 0 / signal: 14/0000… / notify: signal/pid.3 / ClockID: 1
        var timer = PosixTimer()
        for line in (try Files.readText("/proc/\(stopped.pid)/timers", limit: 65_536)).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "ID": timer.id = UInt32(parts[1]) ?? 0
            case "signal":
                let values = parts[1].split(separator: "/")
                timer.signal = values.first.flatMap { UInt32($0) } ?? 0
                timer.value = values.last.flatMap { UInt64($0, radix: 16) } ?? 0
            case "notify":
                // signal = 0, none = 1, thread = 2; to one thread by its number: 4 added.
                let values = parts[1].split(separator: "/")
                timer.notification = values.first == "none" ? 1 : 0
                if let target = values.last, target.hasPrefix("tid.") {
                    timer.notification = 4
                    timer.thread = Int32(target.dropFirst(4)) ?? 0
                }
            case "ClockID":
                // The kernel numbers threads as this process sees them.
                if timer.notification == 4 {
                    let place = stopped.threads.firstIndex { $0.tid == timer.thread }
                    timer.thread = place.map { state.threads[$0].tid } ?? 0
                }
                timer.clock = Int32(parts[1]) ?? 0
                timer.times = try calls.ask(
                    main, Call.timerGettime, [UInt64(timer.id), calls.scratch], length: 32)
                state.timers.append(timer)
                timer = PosixTimer()
            default: break
            }
        }
    }

    private func insideCalls(
        of stopped: StoppedProcess, _ main: TracedThread, _ kernelPages: [Mapping]
    ) throws(SystemError) -> InsideCalls {
        guard let code = kernelPages.last else {
            throw SystemError(call: "find", subject: "the vDSO", code: ENOENT)
        }
        let memory = try OtherProcess(stopped.pid)
        let bytes = try memory.read(code.start, count: code.range.count)
        guard let place = bytes.indices.dropLast().first(where: { bytes[$0] == 0x0f && bytes[$0 + 1] == 0x05 }) else {
            throw SystemError(call: "find", subject: "a system call in the vDSO", code: ENOENT)
        }
        let stack = try main.registers()[.rsp]
        return InsideCalls(
            process: stopped.pid, instruction: code.start + UInt64(place), scratch: (stack &- 1024) & ~63)
    }

    private static let resources: [(name: String, number: UInt32)] = [
        ("Max cpu time", 0), ("Max file size", 1), ("Max data size", 2), ("Max stack size", 3),
        ("Max core file size", 4), ("Max processes", 6), ("Max open files", 7), ("Max locked memory", 8),
        ("Max address space", 9), ("Max pending signals", 11), ("Max msgqueue size", 12), ("Max nice priority", 13),
        ("Max realtime priority", 14), ("Max realtime timeout", 15),
    ]

    private static func limits(of pid: Int32) throws(SystemError) -> [ResourceState] {
        var states: [ResourceState] = []
        for line in try Files.readText("/proc/\(pid)/limits").split(separator: "\n") {
            guard let known = resources.first(where: { line.hasPrefix($0.name) }) else { continue }
            let values = line.dropFirst(known.name.count).split(separator: " ").prefix(2)
            guard values.count == 2, let soft = values.first, let hard = values.last else { continue }
            var state = ResourceState()
            state.resource = known.number
            state.soft = soft == "unlimited" ? .max : UInt64(soft) ?? 0
            state.hard = hard == "unlimited" ? .max : UInt64(hard) ?? 0
            states.append(state)
        }
        return states
    }
}
