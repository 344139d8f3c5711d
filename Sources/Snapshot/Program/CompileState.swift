// The steps that give a process what the kernel keeps for it: the layout of its memory, directories, limits, signals,
// timers.

import Glibc
import Wire

extension Compiler {
    /// Where program, heap, stack, arguments and environment are, and which program it is.
    mutating func layOut(_ state: ProcessState) {
        let auxiliary = program.put(state.auxiliary)
        var words = state.layout
        while words.count < ProcessState.layoutCount { words.append(0) }
        words.append(layout.address(auxiliary))
        let map = program.put(words)
        let rest = program.put32([UInt32(state.auxiliary.count), .max])
        let slot = program.newSlot()
        program.add(
            "open ", Call.openat, .number(-100), .data(program.put(state.program)), .value(0),
            .value(0),
            into: slot)
        program.add(Step(kind: .patch, arguments: [.number(rest + 4), .number(slot)], words: "name the program"))
        program.add(
            "lay the memory out", Call.prctl, .value(35), .value(14), .data(map), .number(words.count * 8 + 8),
            .value(0))
        program.add("close the program", Call.close, .slot(slot))
        program.giveUp(slot)
    }

    mutating func settle(_ state: ProcessState) {
        program.add("enter ", Call.chdir, .data(program.put(state.directory)))
        program.add("set creation mask", Call.umask, .number(state.creationMask))
        if state.personality != 0 { program.add("set personality", Call.personality, .number(state.personality)) }
        if state.hasNoHugePages { program.add("have no huge pages", Call.prctl, .value(41), .value(1)) }
        if state.isSubreaper { program.add("adopt orphans", Call.prctl, .value(36), .value(1)) }
        program.add("set dumpable", Call.prctl, .value(4), .value(state.isDumpable ? 1 : 0))
        if state.oomScore != 0 { set("oom_score_adj", String(state.oomScore)) }
        if state.coreFilter != Self.usualCoreFilter, !state.coreFilter.isEmpty {
            set("coredump_filter", "0x" + state.coreFilter)
        }
        for limit in state.limits {
            // Those that a sandbox sets are the same already; what a process has lowered is lower here.
            let values = program.put([limit.soft, limit.hard])
            program.add(
                "set a limit", Call.prlimit, .value(0), .number(limit.resource), .data(values), .value(0), mayFail: true
            )
        }
    }

    private static let usualCoreFilter = "00000033"

    /// Writes to one of the process's own files in /proc.
    private mutating func set(_ name: String, _ value: String) {
        let slot = program.newSlot()
        let text = Array(value.utf8)
        program.add(
            "open \(name)", Call.openat, .number(-100), .data(program.put("/proc/self/\(name)")), .value(1), .value(0),
            into: slot)
        program.add(
            "set \(name)", Call.write, .slot(slot), .data(program.put(text)), .number(text.count), mayFail: true)
        program.add("close \(name)", Call.close, .slot(slot))
        program.giveUp(slot)
    }

    // MARK: signals

    /// Those that a warden or its child may have set for itself, and a program must not inherit.
    private static let inheritedActions = [SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGCHLD]

    mutating func actions(_ state: ProcessState) {
        let usual = program.put([0, 0, 0, 0])
        for signal in Self.inheritedActions where !state.actions.contains(where: { $0.signal == UInt32(signal) }) {
            program.add(
                "usual action for signal \(signal)", Call.rtSigaction, .number(signal), .data(usual), .value(0),
                .value(8))
        }
        for action in state.actions where action.words.count == 4 {
            program.add(
                "action for signal \(action.signal)", Call.rtSigaction, .number(action.signal),
                .data(program.put(action.words)), .value(0), .value(8))
        }
        for signal in state.pending where signal.bytes.count == 128 {
            program.add(
                "send a signal", Call.rtSigqueueinfo, .number(state.pid), .number(signal.number),
                .data(program.put(signal.bytes)))
        }
    }

    // MARK: timers

    /// Every number below is passed over by two system calls.
    private static let highestTimer: UInt32 = 255

    mutating func timers(_ state: ProcessState) throws(Refusal) {
        for which in 0..<3 where state.intervalTimers.count == 6 {
            let (interval, left) = (state.intervalTimers[which * 2], state.intervalTimers[which * 2 + 1])
            // One that has just gone off stands still until its signal is taken: it goes on from there.
            let next = left > 0 ? left : interval
            if next == 0 { continue }
            let values = program.put([interval / 1_000_000, interval % 1_000_000, next / 1_000_000, next % 1_000_000])
            program.add("set an interval timer", Call.setitimer, .number(which), .data(values), .value(0))
        }
        guard let last = state.timers.map(\.id).max() else { return }
        guard last <= Self.highestTimer else {
            throw Refusal(.snapshot, "a timer has a number above \(Self.highestTimer) (timer_create)")
        }
        // Numbers are given out in order: those in between are given up again.
        let made = program.put32([0])
        for id in 0...last {
            let timer = state.timers.first { $0.id == id }
            var event: [UInt8] = (0..<8).map { UInt8(truncatingIfNeeded: (timer?.value ?? 0) >> ($0 * 8)) }
            for word in [timer?.signal ?? 0, timer?.notification ?? 1, UInt32(bitPattern: timer?.thread ?? 0)] {
                event += (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
            }
            event += Array(repeating: 0, count: 64 - event.count)
            program.add(
                "make timer \(id)", Call.timerCreate, .number(timer?.clock ?? 1), .data(program.put(event)), .data(made)
            )
            if let timer, timer.times.count == 4, timer.times[2] | timer.times[3] > 0 {
                program.add(
                    "set timer \(id)", Call.timerSettime, .number(id), .value(0), .data(program.put(timer.times)),
                    .value(0))
            }
        }
        for id in 0...last where !state.timers.contains(where: { $0.id == id }) {
            program.add("give timer \(id) up", 226, .number(id))
        }
    }
}

extension SignalInformation {
    var number: UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[$1]) << UInt32($1 * 8) } }
}
