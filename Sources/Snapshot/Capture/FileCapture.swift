// The open files of stopped processes: each once, however many descriptors it has.

import Glibc
import Linux
import Wire

extension Capture {
    func captureDescriptors(of stopped: StoppedProcess, _ state: inout ProcessState) throws {
        let pid = stopped.pid
        let process = try OtherProcess(pid)
        for name in try Files.names(in: "/proc/\(pid)/fd") {
            guard let number = Int32(name) else { continue }
            let details = try ProcFile.values("/proc/\(pid)/fdinfo/\(number)")
            let flags = UInt32(details["flags"]?.first ?? "0", radix: 8) ?? 0
            var descriptor = Descriptor()
            descriptor.number = number
            descriptor.closesOnExec = flags & 0o2000000 != 0
            descriptor.file = try openFile(process, number, flags & ~0o2000000, details)
            state.descriptors.append(descriptor)
        }
        state.descriptors.sort { $0.number < $1.number }
    }

    /// Its place among the open files.
    private func openFile(
        _ process: borrowing OtherProcess, _ number: Int32, _ flags: UInt32, _ details: [String: [String]]
    ) throws -> UInt32 {
        let link = try ProcFile.link("/proc/\(process.pid)/fd/\(number)")
        for (index, known) in holders.enumerated()
        where known.link == link && OtherProcess.isSameFile((known.pid, known.number), (process.pid, number)) {
            return UInt32(index)
        }
        try spending.take(.files)
        var file = OpenFile()
        file.flags = flags
        file.position = UInt64(details["pos"]?.first ?? "0") ?? 0
        // Opening a name again would do what O_PATH does not: nothing but the name is taken.
        if flags & 0o10000000 != 0 {
            file.path = link
        } else {
            try describe(&file, try process.descriptor(number), link, details, number)
        }
        try spending.take(.locks, details["lock"]?.count ?? 0)
        for line in details["lock"] ?? [] { try file.locks.append(Self.lock(line, link)) }
        if flags & 0o20000 != 0 {
            throw Refusal(.snapshot, "descriptor \(number) sends signals for its data (O_ASYNC)")
        }
        if link.hasPrefix("/proc/"), link.hasSuffix("/mem") { throw Refusal(.snapshot, "it has opened \(link)") }
        files.append(file)
        holders.append((process.pid, number, link))
        return UInt32(files.count - 1)
    }

    /// `1: POSIX  ADVISORY  WRITE 2 00:2a:5 0 EOF`
    private static func lock(_ line: String, _ link: String) throws(Refusal) -> FileLock {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 8, let start = UInt64(words[6]), words[2] == "ADVISORY" else {
            throw Refusal(.snapshot, "it has a lock of an unknown kind on \(link)")
        }
        var lock = FileLock()
        switch words[1] {
        case "FLOCK": lock.kind = .whole
        case "POSIX": lock.kind = .record
        case "OFDLCK": lock.kind = .ofOpenFile
        default: throw Refusal(.snapshot, "it has a lock of an unknown kind on \(link)")
        }
        lock.isExclusive = words[3] == "WRITE"
        lock.start = start
        lock.length = UInt64(words[7]).map { $0 - start + 1 } ?? 0
        return lock
    }

    private func describe(
        _ file: inout OpenFile, _ open: consuming FileDescriptor, _ link: String, _ details: [String: [String]],
        _ number: Int32
    ) throws {
        let about = try FileDetails(open.raw)
        switch (about.type, link) {
        case (0o140000, _):
            if let count = details["scm_fds"]?.first, count != "0" {
                throw Refusal(.snapshot, "a descriptor is on its way through a socket")
            }
            try describeSocket(&file, open.raw, about)
        case (0o010000, _) where !link.hasPrefix("/"): try describePipe(&file, open.raw, about)
        case (_, "anon_inode:[eventfd]"):
            file.kind = .counter
            file.value = UInt64((details["eventfd-count"]?.first ?? "0").trimmed, radix: 16) ?? 0
            file.second = UInt64((details["eventfd-semaphore"]?.first ?? "0").trimmed) ?? 0
        case (_, "anon_inode:[eventpoll]"):
            file.kind = .poll
            try spending.take(.registrations, details["tfd"]?.count ?? 0)
            for line in details["tfd"] ?? [] { file.registrations.append(Self.registration(line)) }
        case (_, "anon_inode:[timerfd]"):
            file.kind = .timer
            file.value = UInt64(details["clockid"]?.first ?? "0") ?? 0
            file.second = UInt64(details["ticks"]?.first ?? "0") ?? 0
            file.times = try Peeking.timer(open.raw)
            // One that ends at a time of the clock on the wall ends at that time.
            if file.value == 0, details["settime flags"]?.first?.hasSuffix("1") == true {
                file.third = Clock.wallMilliseconds
            }
        case (_, "anon_inode:[signalfd]"):
            file.kind = .signals
            file.value = UInt64(details["sigmask"]?.first ?? "0", radix: 16) ?? 0
        case (_, "anon_inode:inotify"), (_, "inotify"):
            try describeWatches(&file, details, open.raw)
        case (0o100000, _) where link.hasPrefix("/memfd:"):
            file.kind = .memory
            file.path = String(link.dropFirst("/memfd:".count).prefix { $0 != " " })
            file.value = UInt64(Peeking.seals(open.raw))
            try copyContents(of: open.raw, size: about.size, to: &file)
        case (0o100000, _) where link.hasSuffix(" (deleted)"):
            file.kind = .deleted
            file.value = about.mode & 0o7777
            file.path = link.hasPrefix("/dev/shm/") ? "/dev/shm" : "/tmp"
            try copyContents(of: open.raw, size: about.size, to: &file)
        case (0o010000, _):
            (file.kind, file.path) = (.namedPipe, link)
            let waiting = min(Peeking.waiting(in: open.raw), Plan.Limits.payload)
            try spending.take(.payloadBytes, waiting)
            file.payload = try Peeking.pipe(open.raw, count: waiting)
        case (_, _) where link.hasPrefix("anon_inode:") || link.hasPrefix("pidfd:"):
            throw Refusal(.snapshot, "descriptor \(number) is of a kind that cannot be captured: \(link)")
        case (0o100000, _) where (try? Files.space(at: "/proc/self/fd/\(open.raw)"))?.type == Self.queueSystem:
            throw Refusal(.snapshot, "descriptor \(number) is a message queue")
        case (_, _) where !link.hasPrefix("/"):
            throw Refusal(.snapshot, "descriptor \(number) is a namespace, or another thing without a path: \(link)")
        case (0o040000, _) where Self.isOwn(link + "/") && file.position > 0:
            throw Refusal(.snapshot, "descriptor \(number) is a half read directory below /tmp")
        case (0o100000, _), (0o040000, _), (0o020000, _):
            if link.hasSuffix(" (deleted)") {
                throw Refusal(.snapshot, "descriptor \(number) is \(link), which cannot be made again")
            }
            file.path = link
        default:
            throw Refusal(.snapshot, "descriptor \(number) is of a kind that cannot be captured: \(link)")
        }
    }

    /// MQUEUE_MAGIC
    private static let queueSystem: UInt64 = 0x1980_0202

    func copyContents(of raw: Int32, size: UInt64, to file: inout OpenFile) throws {
        file.size = size
        // Opened again: to look for data moves the position, which the process goes on from.
        let own = try StillFile.read(raw, file.path)
        guard let contents = try pages.copyFile(own.raw, size: size, room: &tree.room) else {
            throw Refusal(.snapshot, "there are more than 512 MB in its files")
        }
        file.contents = contents
    }

    // MARK: kinds

    /// `5 events: 19 data: 5 pos:0 ino:…`
    private static func registration(_ line: String) -> Registration {
        var registration = Registration()
        let words = line.split(whereSeparator: { $0 == " " })
        registration.number = words.first.flatMap { Int32($0) } ?? -1
        for (name, value) in zip(words.dropFirst(), words.dropFirst(2)) {
            if name == "events:" { registration.events = UInt32(value, radix: 16) ?? 0 }
            if name == "data:" { registration.data = UInt64(value, radix: 16) ?? 0 }
        }
        return registration
    }

    private func describePipe(_ file: inout OpenFile, _ raw: Int32, _ about: FileDetails) throws {
        if let index = logs.firstIndex(of: about.identity) {
            (file.kind, file.index) = (.log, UInt32(index))
            return
        }
        if file.flags & 0o40000 != 0 { throw Refusal(.snapshot, "it has a pipe of packets (O_DIRECT)") }
        file.index = index(of: about.identity)
        file.kind = file.flags & 3 == 0 ? .pipeReading : .pipeWriting
        file.value = UInt64(Peeking.pipeSize(raw))
        if file.kind == .pipeReading {
            let waiting = Peeking.waiting(in: raw)
            if waiting > Plan.Limits.payload { throw Refusal(.snapshot, "a pipe holds more than can be captured") }
            try spending.take(.payloadBytes, waiting)
            file.payload = try Peeking.pipe(raw, count: waiting)
        }
    }

    private func describeWatches(_ file: inout OpenFile, _ details: [String: [String]], _ raw: Int32) throws {
        file.kind = .watches
        if Peeking.waiting(in: raw) > 0 { throw Refusal(.snapshot, "notes of watched files are waiting (inotify)") }
        // inotify wd:1 ino:9e7e sdev:800013 mask:800afce …
        for line in details.flatMap({ key, values in key == "inotify wd" ? values : [] }) {
            var registration = Registration()
            for word in line.split(separator: " ") {
                let parts = word.split(separator: ":")
                if parts.count == 1 { registration.number = Int32(word, radix: 16) ?? 0 }
                guard parts.count == 2 else { continue }
                if parts[0] == "mask" { registration.events = UInt32(parts[1], radix: 16) ?? 0 }
                if parts[0] == "ino" { registration.data = UInt64(parts[1], radix: 16) ?? 0 }
            }
            guard let path = tree.path(ofInode: registration.data) else {
                throw Refusal(.snapshot, "it watches a file that is not below /tmp (inotify)")
            }
            registration.path = path
            try spending.take(.registrations)
            try spending.take(.pathBytes, path.utf8.count)
            file.registrations.append(registration)
        }
    }

    /// A number for a pipe or a pair of sockets, the same for both ends.
    func index(of identity: [UInt64]) -> UInt32 {
        if let known = channels.firstIndex(of: identity) { return UInt32(known) }
        channels.append(identity)
        return UInt32(channels.count - 1)
    }
}

extension String {
    var trimmed: String { String(drop { $0 == " " }) }
}
