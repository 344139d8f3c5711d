// The steps that make the files of /tmp and the open files of processes.

import Glibc
import Wire

extension Compiler {
    // MARK: names

    /// As few steps for each as can be: a function may leave thousands.
    mutating func makeEntries() {
        if plan.entries.isEmpty { return }
        // Modes are given in the call that makes something.
        program.add("set creation mask", Call.umask, .value(0))
        var directories: [(entry: Int, path: Argument)] = []
        for (index, entry) in plan.entries.enumerated() {
            let path = Argument.data(program.put(entry.path))
            switch entry.kind {
            case .directory:
                // What is to be in it can be made, whatever its mode shall be.
                program.add("make ", Call.mkdirat, .number(-100), path, .number(entry.mode | 0o700))
                directories.append((index, path))
            case .file: makeFile(entry, path)
            case .link:
                program.add("link to ", Call.symlinkat, .data(program.put(entry.target)), .number(-100), path)
                setTime(entry, of: path)
            case .hardLink:
                program.add(
                    "link to ", Call.linkat, .number(-100), .data(program.put(entry.target)), .number(-100), path,
                    .value(0))
            case .pipe: makeNode(entry, path, 0o010000)
            case .socket: makeNode(entry, path, 0o140000)
            }
        }
        // Last, because making what is in a directory changes its time; and from within, because its mode may keep the
        // user out.
        for (index, path) in directories.reversed() {
            let entry = plan.entries[index]
            if entry.mode & 0o6700 != 0o700 {
                program.add("set mode of ", Call.fchmodat, .number(-100), path, .number(entry.mode))
            }
            setTime(entry, of: path)
        }
    }

    /// Bits that are lost, or not taken, when something is made and written to.
    private static let lateBits: UInt32 = 0o6000

    private mutating func makeNode(_ entry: TreeEntry, _ path: Argument, _ type: UInt32) {
        program.add("make ", Call.mknodat, .number(-100), path, .number(type | entry.mode), .value(0))
        if entry.mode & Self.lateBits != 0 {
            program.add("set mode of ", Call.fchmodat, .number(-100), path, .number(entry.mode))
        }
        setTime(entry, of: path)
    }

    private mutating func setTime(_ entry: TreeEntry, of path: Argument) {
        program.add("set time of ", Call.utimensat, .number(-100), path, .data(times(entry)), .value(0x100))
    }

    private mutating func times(_ entry: TreeEntry) -> Int {
        let time = [UInt64(bitPattern: entry.seconds), UInt64(bitPattern: entry.nanoseconds)]
        return program.put(time + time)
    }

    private mutating func makeFile(_ entry: TreeEntry, _ path: Argument) {
        let slot = program.newSlot()
        let flags = O_WRONLY | O_CREAT | O_EXCL
        program.add("make ", Call.openat, .number(-100), path, .number(flags), .number(entry.mode), into: slot)
        copyContents(entry.contents, size: entry.size, to: .slot(slot), "a file")
        if entry.mode & Self.lateBits != 0 {
            program.add("set mode of a file", Call.fchmod, .slot(slot), .number(entry.mode))
        }
        program.add("set time of a file", Call.utimensat, .slot(slot), .value(0), .data(times(entry)), .value(0))
        program.add("close a file", Call.close, .slot(slot))
        program.giveUp(slot)
    }

    /// From the image to an open file, which is empty.
    mutating func copyContents(_ runs: [PageRun], size: UInt64, to file: Argument, _ name: String) {
        var position: UInt64 = 0
        for run in runs where size > run.address {
            let offset = program.put([run.position])
            let count = min(run.pages << 12, size - run.address)
            if run.address != position {
                program.add("seek in \(name)", Call.lseek, file, .number(run.address), .value(0))
            }
            program.add(
                "fill \(name)", Call.sendfile, file, .number(Self.pagesDescriptor), .data(offset), .number(count))
            position = run.address + count
        }
        if position != size { program.add("set size of \(name)", Call.ftruncate, file, .number(size)) }
    }

    // MARK: open files

    /// The processes that come from one that pid 1 makes.
    private func family(of root: Int) -> [Int] {
        plan.processes.indices.filter { index in
            var place = index
            while plan.processes[place].parent >= 0 { place = Int(plan.processes[place].parent) }
            return place == root
        }
    }

    /// What several processes of a family have is made before they part, and held aside.
    mutating func liftShared(below root: Int) throws(Refusal) {
        lifted = [:]
        let family = family(of: root)
        guard family.count > 1 else { return try liftMapped(family) }
        var files: [Int] = []
        for index in family {
            for descriptor in plan.processes[index].descriptors {
                let file = Int(descriptor.file)
                // Pipes for logs are held by pid 1 for all of them.
                if plan.files[file].kind != .log, !files.contains(file) { files.append(file) }
            }
        }
        // Pipes for logs are there already.
        for file in files where lifted[file] == nil && plan.files[file].kind != .log { try lift(file) }
        try liftMapped(family)
    }

    /// Files that are only mapped have no descriptor of their own.
    private mutating func liftMapped(_ family: [Int]) throws(Refusal) {
        for index in family {
            for mapping in plan.processes[index].mappings where mapping.kind == .shared {
                if lifted[Int(mapping.file)] == nil { try lift(Int(mapping.file)) }
            }
        }
    }

    private mutating func lift(_ file: Int) throws(Refusal) {
        for (member, slot) in try create(file) {
            let high = program.newSlot()
            program.add(
                "hold a file aside", Call.fcntl, .slot(slot), .value(1030), .number(Self.firstLifted), into: high)
            program.add("close a file", Call.close, .slot(slot))
            program.giveUp(slot)
            lifted[member] = high
        }
        try checkLifted()
    }

    /// So many numbers there are to hold files aside, beside those that pid 1 gives.
    static let mostLifted = Int(timeDescriptor - firstLifted) - Parameter.mostLogs

    private func checkLifted() throws(Refusal) {
        if lifted.count > Self.mostLifted {
            throw Refusal(.snapshot, "more than \(Self.mostLifted) of its open files are ends of pipes, or shared")
        }
    }

    /// Puts every descriptor of a process where it was.
    mutating func placeDescriptors(_ state: ProcessState) throws(Refusal) {
        var first: [Int: Int32] = [:]
        for descriptor in state.descriptors {
            let file = Int(descriptor.file)
            let open = plan.files[file]
            if let known = first[file] {
                place(.number(known), descriptor)
            } else if open.kind == .log {
                place(.parameter(Parameter.logs + Int(open.index)), descriptor)
            } else if let slot = lifted[file] {
                place(.slot(slot), descriptor)
            } else {
                let made = try create(file)
                if made.count > 1 {
                    for (member, slot) in made {
                        let high = program.newSlot()
                        program.add(
                            "hold a file aside", Call.fcntl, .slot(slot), .value(1030), .number(Self.firstLifted),
                            into: high)
                        program.add("close a file", Call.close, .slot(slot))
                        program.giveUp(slot)
                        lifted[member] = high
                    }
                    try checkLifted()
                    if let slot = lifted[file] { place(.slot(slot), descriptor) }
                } else if let slot = made.first?.slot {
                    place(.slot(slot), descriptor, closes: true)
                    program.giveUp(slot)
                }
            }
            if first[file] == nil { lock(open, descriptor.number) }
            first[file] = descriptor.number
        }
        for descriptor in state.descriptors where plan.files[Int(descriptor.file)].kind == .poll {
            register(plan.files[Int(descriptor.file)], at: descriptor.number, state)
        }
    }

    private mutating func lock(_ file: OpenFile, _ number: Int32) {
        for lock in file.locks {
            if lock.kind == .whole {
                program.add("lock a file", 73, .number(number), .value(lock.isExclusive ? 2 : 1))
            } else {
                // struct flock: type, whence, start, length, pid.
                let range = program.put([lock.isExclusive ? 1 : 0, lock.start, lock.length, 0])
                program.add(
                    "lock a part of a file", Call.fcntl, .number(number), .value(lock.kind == .record ? 6 : 37),
                    .data(range))
            }
        }
    }

    private mutating func place(_ from: Argument, _ descriptor: Descriptor, closes: Bool = false) {
        program.add(
            Step(
                kind: .place,
                arguments: [
                    from, .number(descriptor.number), .value(descriptor.closesOnExec ? 0o2000000 : 0),
                    .value(closes ? 1 : 0),
                ], words: "place descriptor \(descriptor.number)"))
    }

    private mutating func register(_ poll: OpenFile, at number: Int32, _ state: ProcessState) {
        for registration in poll.registrations
        where state.descriptors.contains(where: { $0.number == registration.number }) {
            // struct epoll_event is packed.
            var bytes = (0..<4).map { UInt8(truncatingIfNeeded: registration.events >> ($0 * 8)) }
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: registration.data >> ($0 * 8)) }
            program.add(
                "wait for descriptor \(registration.number)", Call.epollCtl, .number(number), .value(1),
                .number(registration.number), .data(program.put(bytes)))
        }
    }

    /// What pid 1 has given, and what was held aside: all but the way to arrive, and the gate.
    mutating func closeGiven() {
        program.add(
            "close what was held aside", Call.closeRange, .number(Self.firstLifted),
            .number(Self.arrivalsDescriptor - 1), .value(0))
    }
}
