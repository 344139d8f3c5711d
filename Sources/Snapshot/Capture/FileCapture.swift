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
        if files.count == Plan.Limits.files { throw Refusal(.snapshot, "there are too many open files") }
        var file = OpenFile()
        file.flags = flags
        file.position = UInt64(details["pos"]?.first ?? "0") ?? 0
        // Opening a name again would do what O_PATH does not: nothing but the name is taken.
        if flags & 0o10000000 != 0 {
            file.path = link
        } else {
            try describe(&file, try process.descriptor(number), link, details, number)
        }
        if let lock = details["lock"]?.first { leftOut.append("a lock on \(link): \(lock)") }
        files.append(file)
        holders.append((process.pid, number, link))
        return UInt32(files.count - 1)
    }

    private func describe(
        _ file: inout OpenFile, _ open: consuming FileDescriptor, _ link: String, _ details: [String: [String]],
        _ number: Int32
    ) throws {
        let about = try FileDetails(open.raw)
        switch (about.type, link) {
        case (0o140000, _): try describeSocket(&file, open.raw, about)
        case (0o010000, _) where !link.hasPrefix("/"): try describePipe(&file, open.raw, about)
        case (_, "anon_inode:[eventfd]"):
            file.kind = .counter
            file.value = UInt64((details["eventfd-count"]?.first ?? "0").trimmed, radix: 16) ?? 0
            file.second = UInt64((details["eventfd-semaphore"]?.first ?? "0").trimmed) ?? 0
        case (_, "anon_inode:[eventpoll]"):
            file.kind = .poll
            for line in details["tfd"] ?? [] { file.registrations.append(Self.registration(line)) }
        case (_, "anon_inode:[timerfd]"):
            file.kind = .timer
            file.value = UInt64(details["clockid"]?.first ?? "0") ?? 0
            file.second = UInt64(details["ticks"]?.first ?? "0") ?? 0
            file.times = try Peeking.timer(open.raw)
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
            file.payload = try Peeking.pipe(open.raw, count: min(Peeking.waiting(in: open.raw), Plan.Limits.payload))
        case (_, _) where link.hasPrefix("anon_inode:") || link.hasPrefix("pidfd:"):
            throw Refusal(.snapshot, "descriptor \(number) is of a kind that cannot be captured: \(link)")
        case (_, _) where details["notify_tgid"] != nil || link.hasPrefix("/dev/mqueue") || details["SIGNO"] != nil:
            throw Refusal(.snapshot, "descriptor \(number) is a message queue")
        case (0o100000, _), (0o040000, _), (0o020000, _):
            if link.hasSuffix(" (deleted)") {
                throw Refusal(.snapshot, "descriptor \(number) is \(link), which cannot be made again")
            }
            file.path = link
        default:
            throw Refusal(.snapshot, "descriptor \(number) is of a kind that cannot be captured: \(link)")
        }
    }

    func copyContents(of raw: Int32, size: UInt64, to file: inout OpenFile) throws {
        file.size = size
        var done: UInt64 = 0
        while done < size {
            let bytes = try FileRegions.read(raw, at: done, count: Int(min(size - done, 1 << 20)))
            if bytes.isEmpty { break }
            let position = try pages.append(bytes[...])
            file.contents.append(
                PageRun(address: done, pages: (UInt64(bytes.count) + 4095) >> 12, position: position))
            done += UInt64(bytes.count)
        }
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
        file.index = index(of: about.identity)
        file.kind = file.flags & 3 == 0 ? .pipeReading : .pipeWriting
        file.value = UInt64(Peeking.pipeSize(raw))
        if file.kind == .pipeReading {
            let waiting = Peeking.waiting(in: raw)
            if waiting > Plan.Limits.payload { throw Refusal(.snapshot, "a pipe holds more than can be captured") }
            file.payload = try Peeking.pipe(raw, count: waiting)
        }
    }

    private func describeWatches(_ file: inout OpenFile, _ details: [String: [String]], _ raw: Int32) throws {
        file.kind = .watches
        if Peeking.waiting(in: raw) > 0 { leftOut.append("events of watched files (inotify)") }
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
