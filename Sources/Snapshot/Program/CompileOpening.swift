// The steps that make one open file, of each kind.

import Glibc
import Wire

extension Compiler {
    typealias Made = [(file: Int, slot: Int)]

    /// Makes a file; of a pipe or a pair of sockets both ends, as far as the plan has them.
    mutating func create(_ index: Int) throws(Refusal) -> Made {
        let file = plan.files[index]
        let slot = program.newSlot()
        let quiet = file.flags & UInt32(O_NONBLOCK)
        switch file.kind {
        case .path, .namedPipe: try open(file, slot)
        case .deleted:
            let flags = 0o20200000 | O_RDWR
            program.add(
                "make a file without a name", Call.openat, .number(-100), .data(program.put(file.path)),
                .number(flags), .number(file.value), into: slot)
            copyContents(file.contents, size: file.size, to: .slot(slot), "a file without a name")
            program.add("seek", Call.lseek, .slot(slot), .number(file.position), .value(0))
            setFlags(slot, file.flags)
        case .log:
            throw Refusal(.snapshot, "a pipe for logs is mapped")
        case .pipeReading, .pipeWriting:
            program.giveUp(slot)
            return pipe(index, file)
        case .counter:
            program.add(
                "make an eventfd", Call.eventfd, .number(UInt32(truncatingIfNeeded: file.value)),
                .number(quiet | UInt32(file.second & 1)), into: slot)
        case .poll: program.add("make an epoll", Call.epollCreate, .value(0), into: slot)
        case .timer: timer(file, slot, quiet)
        case .signals:
            program.add(
                "make a signalfd", Call.signalfd, .number(-1), .data(program.put([file.value])), .value(8),
                .number(quiet), into: slot)
        case .watches:
            program.add("make an inotify", Call.inotifyInit, .number(quiet), into: slot)
            try watches(file, slot)
        case .memory:
            program.add(
                "make a memory file", Call.memfdCreate, .data(program.put(file.path)), .value(2), into: slot)
            copyContents(file.contents, size: file.size, to: .slot(slot), "a memory file")
            program.add("seek", Call.lseek, .slot(slot), .number(file.position), .value(0))
            if file.value > 0 { program.add("seal", Call.fcntl, .slot(slot), .value(1033), .number(file.value)) }
            setFlags(slot, file.flags)
        case .socketPair:
            program.giveUp(slot)
            return socketPair(index, file)
        case .runtimeAPI, .runtimeSocket: runtimeAPI(file, slot)
        case .listener, .datagram: bound(file, slot)
        case .lostSocket:
            program.add(
                "make a socket without a connection", Call.socket, .number(file.value),
                .number(file.second | UInt64(quiet)),
                .value(0), into: slot)
        }
        return [(index, slot)]
    }

    private mutating func open(_ file: OpenFile, _ slot: Int) throws(Refusal) {
        let onlyThen = UInt32(O_CREAT | O_EXCL | O_TRUNC)
        var flags = file.flags & ~onlyThen
        // Whoever opens one end of a named pipe waits for the other.
        if file.kind == .namedPipe { flags = flags & ~3 | UInt32(O_RDWR | O_NONBLOCK) }
        let path = Argument.data(program.put(file.path))
        program.add("open ", Call.openat, .number(-100), path, .number(flags), .value(0), into: slot)
        if file.kind == .namedPipe {
            write(file.payload, slot)
            if file.flags & 3 != 2 {
                let end = program.newSlot()
                let wanted = file.flags & ~onlyThen
                program.add(
                    "open ", Call.openat, .number(-100), path, .number(wanted), .value(0), into: end)
                program.add("exchange ends", Call.dup3, .slot(end), .slot(slot), .value(0))
                program.add("close an end", Call.close, .slot(end))
                program.giveUp(end)
            } else {
                setFlags(slot, file.flags)
            }
        } else if file.position > 0 {
            program.add(
                "seek in a file", Call.lseek, .slot(slot), .number(file.position), .value(0), mayFail: true)
        }
    }

    mutating func setOptions(_ slot: Int, _ file: OpenFile) {
        for option in file.options {
            program.add(
                "set a socket's option", Call.setsockopt, .slot(slot), .value(1), .number(option.number),
                .data(program.put(option.value)), .number(option.value.count))
        }
    }

    private mutating func setFlags(_ slot: Int, _ flags: UInt32) {
        program.add("set flags", Call.fcntl, .slot(slot), .value(4), .number(flags & ~3))
    }

    private mutating func write(_ bytes: [UInt8], _ slot: Int) {
        if bytes.isEmpty { return }
        program.add("put back what waited", Call.write, .slot(slot), .data(program.put(bytes)), .number(bytes.count))
    }

    /// Both ends are put into data by the kernel and are taken out of it by reading it again: `fcntl` on a number in
    /// memory is not to be had, so they get numbers that are known beforehand.
    private mutating func pipe(_ index: Int, _ file: OpenFile) -> Made {
        let ends = program.put32([0, 0])
        program.add("make a pipe", Call.pipe, .data(ends), .number(0))
        let (reading, writing) = take(ends)
        let both = plan.files.indices.filter {
            plan.files[$0].index == file.index && [.pipeReading, .pipeWriting].contains(plan.files[$0].kind)
        }
        let capacity = both.map { plan.files[$0].value }.max() ?? 0
        if capacity != 65_536, capacity > 0 {
            program.add(
                "set size of a pipe", Call.fcntl, .slot(writing), .value(1031), .number(capacity), mayFail: true)
        }
        for one in both where !plan.files[one].payload.isEmpty { write(plan.files[one].payload, writing) }
        return ends2(both, reading: reading, writing: writing)
    }

    private mutating func ends2(_ both: [Int], reading: Int, writing: Int) -> Made {
        var made: Made = []
        var (hasReading, hasWriting) = (false, false)
        for one in both {
            let file = plan.files[one]
            let isReading = file.kind == .pipeReading
            // Two open files of one end, opened through /proc: the second shares with the first.
            let slot = isReading ? reading : writing
            if isReading ? hasReading : hasWriting { continue }
            if isReading { hasReading = true } else { hasWriting = true }
            setFlags(slot, file.flags)
            made.append((one, slot))
        }
        if !hasReading { program.add("close an end", Call.close, .slot(reading)) }
        if !hasWriting { program.add("close an end", Call.close, .slot(writing)) }
        return made
    }

    /// Two numbers that a call left in the data, as slots.
    private mutating func take(_ offset: Int) -> (Int, Int) {
        let pair = (program.newSlot(), program.newSlot())
        program.add(Step(kind: .take, slot: pair.0, arguments: [.number(offset)], words: ""))
        program.add(Step(kind: .take, slot: pair.1, arguments: [.number(offset + 4)], words: ""))
        return pair
    }

    private mutating func socketPair(_ index: Int, _ file: OpenFile) -> Made {
        let ends = program.put32([0, 0])
        program.add(
            "make a pair of sockets", Call.socketpair, .number(file.value), .number(file.second), .value(0), .data(ends)
        )
        let (one, other) = take(ends)
        let both = plan.files.indices.filter {
            plan.files[$0].kind == .socketPair && plan.files[$0].index == file.index
        }
        var made: Made = []
        for (place, slot) in zip(both, [one, other]) {
            // What waits at one end was written at the other.
            write(plan.files[place].payload, slot == one ? other : one)
            made.append((place, slot))
        }
        for (place, slot) in made {
            setFlags(slot, plan.files[place].flags)
            setOptions(slot, plan.files[place])
        }
        if both.count < 2 { program.add("close an end", Call.close, .slot(other)) }
        return made
    }

    private mutating func timer(_ file: OpenFile, _ slot: Int, _ quiet: UInt32) {
        program.add("make a timerfd", Call.timerfdCreate, .number(file.value), .number(quiet), into: slot)
        guard file.times.count == 4 else { return }
        var times = file.times
        var flags: UInt64 = 0
        if file.third > 0, times[2] | times[3] > 0 {
            let end = file.third &+ times[2] &* 1000 &+ times[3] / 1_000_000
            (times[2], times[3], flags) = (end / 1000, end % 1000 * 1_000_000, 1)
        }
        // One that has ended, and of which nobody has read that.
        if file.second > 0, times[2] | times[3] == 0 { times[3] = 1 }
        if times[2] | times[3] > 0 {
            program.add(
                "set a timerfd", Call.timerfdSettime, .slot(slot), .value(flags), .data(program.put(times)), .value(0))
        }
        if file.second > 0 {
            // TFD_IOC_SET_TICKS
            program.add(
                "set ticks", Call.ioctl, .slot(slot), .value(0x4008_5400), .data(program.put([file.second])),
                mayFail: true)
        }
    }

    /// Every number below is passed over by two system calls.
    private static let highestWatch: Int32 = 16_384

    private mutating func watches(_ file: OpenFile, _ slot: Int) throws(Refusal) {
        var next: Int32 = 1
        let spare = program.newSlot()
        for watch in file.registrations.sorted(by: { $0.number < $1.number }) {
            // Numbers are given out in order: those in between were given up.
            guard watch.number <= Self.highestWatch else {
                throw Refusal(.snapshot, "a watch has a number above \(Self.highestWatch) (inotify)")
            }
            while next < watch.number {
                program.add(
                    "pass over a watch", Call.inotifyAddWatch, .slot(slot), .data(program.put("/tmp")), .value(0x400),
                    into: spare)
                program.add("pass over a watch", 255, .slot(slot), .slot(spare))
                next += 1
            }
            program.add(
                "watch ", Call.inotifyAddWatch, .slot(slot), .data(program.put(watch.path)),
                .number(watch.events & 0xffffff))
            next += 1
        }
        // Each number that was given up is noted.
        if file.registrations.contains(where: { $0.number > 1 }) {
            let space = program.put(Array(repeating: 0, count: 4096))
            program.add("forget the notes of that", Call.fcntl, .slot(slot), .value(4), .number(O_NONBLOCK))
            program.add("forget the notes of that", Call.read, .slot(slot), .data(space), .value(4096), mayFail: true)
            setFlags(slot, file.flags)
        }
        program.giveUp(spare)
    }
}
