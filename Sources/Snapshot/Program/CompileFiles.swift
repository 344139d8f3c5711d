// The steps that make the files of /tmp and the open files of processes.

import Glibc
import Wire

extension Compiler {
    // MARK: names

    mutating func makeEntries() {
        for entry in plan.entries {
            let path = Argument.data(program.put(entry.path))
            let here = Argument.number(-100)
            switch entry.kind {
            case .directory: program.add("make \(entry.path)", Call.mkdirat, here, path, .number(entry.mode))
            case .file: makeFile(entry, path)
            case .link:
                program.add("link \(entry.path)", Call.symlinkat, .data(program.put(entry.target)), here, path)
            case .hardLink:
                program.add(
                    "link \(entry.path)", Call.linkat, here, .data(program.put(entry.target)), here, path, .value(0))
            case .pipe:
                program.add("make \(entry.path)", Call.mknodat, here, path, .number(0o010000 | entry.mode), .value(0))
            case .socket:
                program.add(
                    "make \(entry.path)", Call.mknodat, here, path, .number(0o140000 | entry.mode), .value(0))
            }
            if [.directory, .pipe, .socket].contains(entry.kind) {
                program.add("set mode of \(entry.path)", Call.fchmodat, here, path, .number(entry.mode))
            }
        }
        // Last, because making what is in a directory changes its time.
        for entry in plan.entries where entry.kind != .hardLink {
            let times = program.put([
                UInt64(bitPattern: entry.seconds), UInt64(bitPattern: entry.nanoseconds),
                UInt64(bitPattern: entry.seconds), UInt64(bitPattern: entry.nanoseconds),
            ])
            program.add(
                "set time of \(entry.path)", Call.utimensat, .number(-100), .data(program.put(entry.path)),
                .data(times), .value(0x100))
        }
    }

    private mutating func makeFile(_ entry: TreeEntry, _ path: Argument) {
        let slot = program.newSlot()
        let flags = O_WRONLY | O_CREAT | O_EXCL
        program.add(
            "make \(entry.path)", Call.openat, .number(-100), path, .number(flags), .number(entry.mode | 0o200),
            into: slot)
        copyContents(entry.contents, size: entry.size, to: .slot(slot), entry.path)
        program.add("set mode of \(entry.path)", Call.fchmod, .slot(slot), .number(entry.mode))
        program.add("close \(entry.path)", Call.close, .slot(slot))
        program.giveUp(slot)
    }

    /// From the image to an open file.
    mutating func copyContents(_ runs: [PageRun], size: UInt64, to file: Argument, _ name: String) {
        for run in runs where size > run.address {
            let offset = program.put([run.position])
            let count = min(run.pages << 12, size - run.address)
            program.add("seek in \(name)", Call.lseek, file, .number(run.address), .value(0))
            program.add(
                "fill \(name)", Call.sendfile, file, .number(Self.pagesDescriptor), .data(offset), .number(count))
        }
        program.add("set size of \(name)", Call.ftruncate, file, .number(size))
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
    static let mostLifted = Int(doneDescriptor - firstLifted) - Parameter.mostLogs

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

    /// What pid 1 has given, and what was held aside.
    mutating func closeGiven() {
        program.add(
            "close what was held aside", Call.closeRange, .number(Self.firstLifted), .number(Self.doneDescriptor - 1),
            .value(0))
        program.add("close the pages", Call.close, .number(Self.pagesDescriptor), mayFail: true)
        let one = program.put([UInt64(1)])
        program.add("tell pid 1", Call.write, .number(Self.doneDescriptor), .data(one), .value(8))
        program.add("close the counter", Call.close, .number(Self.doneDescriptor))
    }
}
