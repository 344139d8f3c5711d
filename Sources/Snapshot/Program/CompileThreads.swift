// The last steps: the threads, and how each becomes what it was. A thread arrives when it has given up its rights; the
// first one when the filter is closed for all of them, too. Arrival is the last step: there is nothing that could be added
// behind it, and no thread goes on before pid 1 has opened the gate (RestoreGate).

import CRestorer
import Glibc
import Wire

extension Compiler {
    // VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS
    private static let threadFlags: UInt64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000
    private static let clearsWord: UInt64 = 0x200000

    mutating func threads(_ state: ProcessState, _ index: Int) throws(Refusal) {
        guard let main = state.threads.first else { throw Refusal(.snapshot, "process \(state.pid) has no thread") }
        let others = Array(state.threads.dropFirst())
        program.add(Step(kind: .count, arguments: [.number(state.threads.count)], words: "count threads"))
        var made: [Int] = []
        for (place, thread) in others.enumerated() { made.append(makeThread(thread, place)) }
        own(main, of: state, isFirst: true)
        // Some of them are for a thread.
        try timers(state)
        setCapabilities("give up the right to restore", 0)
        program.add("keep rights, or none", Call.prctl, .value(8), .value(state.keepsCapabilities ? 1 : 0))
        connectToRuntimeAPI(state, index)
        closeGiven()
        // All of its threads are there, and none of them needs what this closes.
        closeFilter()
        let rest = layout.staying.upperBound
        program.add(
            Step(
                kind: .finish,
                arguments: [
                    .number(entry(index, 0)), .number(others.isEmpty ? 0 : layout.passed), .number(rest),
                    .number(layout.end - rest),
                ], words: "arrive and go on"))
        for (place, thread) in others.enumerated() {
            program.setTarget(of: made[place])
            own(thread, of: state, isFirst: false)
            setCapabilities("give up the right to restore", 0)
            program.add(
                Step(
                    kind: .leave, arguments: [.number(entry(index, place + 1)), .number(layout.passed)],
                    words: "arrive and go on"))
        }
    }

    /// Where the frame of a thread is entered.
    private func entry(_ process: Int, _ thread: Int) -> UInt64 {
        Frame(plan.processes[process].threads[thread], at: layout.frames[process][thread]).entry
    }

    private mutating func makeThread(_ thread: ThreadState, _ place: Int) -> Int {
        let tid = program.put32([UInt32(bitPattern: thread.tid)])
        let flags = Self.threadFlags | (thread.clearedWord != 0 ? Self.clearsWord : 0)
        let tls = thread.registers.count == 27 ? thread.registers[21] : 0
        let arguments = program.put([
            flags, 0, thread.clearedWord, 0, 0, layout.stack(ofThread: place), UInt64(RESTORER_STACK), tls,
            layout.address(tid), 1, 0,
        ])
        let step = program.next
        program.add(
            Step(kind: .thread, arguments: [.data(arguments), .value(88)], words: "make thread \(thread.tid)"))
        return step
    }

    /// What a thread sets for itself.
    private mutating func own(_ thread: ThreadState, of state: ProcessState, isFirst: Bool) {
        if isFirst {
            program.add("set thread pointer", Call.archPrctl, .value(0x1002), .number(thread.registers[21]))
            program.add("set cleared word", Call.setTIDAddress, .number(thread.clearedWord))
        }
        if thread.registers[22] != 0 {
            program.add("set second pointer", Call.archPrctl, .value(0x1001), .number(thread.registers[22]))
        }
        if thread.sequencesAddress != 0 {
            program.add(
                "register restartable sequences", Call.rseq, .number(thread.sequencesAddress),
                .number(thread.sequencesLength), .value(0), .number(thread.sequencesSignature))
        }
        if thread.robustHead != 0 {
            program.add("set robust list", Call.setRobustList, .number(thread.robustHead), .number(thread.robustLength))
        }
        // Only the thread itself may send what seems to come from elsewhere.
        for signal in thread.pending { send(signal, to: thread, of: state) }
        program.add("set name", Call.prctl, .value(15), .data(program.put(thread.name)))
        if thread.parentDeathSignal != 0 {
            program.add("set signal of the parent's end", Call.prctl, .value(1), .number(thread.parentDeathSignal))
        }
        if thread.timerSlack != 50_000, thread.timerSlack != 0 {
            program.add("set timer slack", Call.prctl, .value(29), .number(thread.timerSlack), mayFail: true)
        }
        if thread.policy != 0 {
            let parameter = program.put32([0])
            program.add(
                "set scheduling", Call.schedSetscheduler, .value(0), .number(thread.policy), .data(parameter),
                mayFail: true)
        }
        if thread.inputPriority != 0 {
            program.add(
                "set input priority", 251, .value(1), .value(0), .number(thread.inputPriority), mayFail: true)
        }
        if !thread.processors.isEmpty {
            program.add(
                "choose processors", 203, .value(0), .number(thread.processors.count * 8),
                .data(program.put(thread.processors)), mayFail: true)
        }
        if thread.nice != 0 {
            program.add("set niceness", Call.setpriority, .value(0), .value(0), .number(thread.nice), mayFail: true)
        }
    }

    private mutating func send(_ signal: SignalInformation, to thread: ThreadState, of state: ProcessState) {
        guard signal.bytes.count == 128 else { return }
        program.add(
            "send a signal", Call.rtTgsigqueueinfo, .number(state.pid), .number(thread.tid), .number(signal.number),
            .data(program.put(signal.bytes)))
    }

    /// For all threads at once: what a restore may do, and nobody else, is over.
    private mutating func closeFilter() {
        if inside.closing.isEmpty { return }
        let instructions = program.put(inside.closing)
        let filter = program.put([UInt64(inside.closing.count / 8), layout.address(instructions)])
        // Mode filter; on all threads, and an error where that fails.
        program.add("close the filter", Call.seccomp, .value(1), .value(1 | 16), .data(filter))
    }
}
