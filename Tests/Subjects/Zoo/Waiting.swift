// Descriptors by which programs wait for many things: eventfd, epoll, inotify.

internal import CZoo
import Glibc

extension Subject {
    static let waiting: [Subject] = [
        Subject("eventfd", "an eventfd with a count") {
            let event = try Descriptor("eventfd", call(__NR_eventfd2, 7, O_NONBLOCK))
            return { _ in
                try event.write(word: 3)
                try expect("its count", try event.word(), is: 10)
                try mustFail("reading it again", EAGAIN, call(__NR_read, event, Buffer(8), 8))
                try event.write(word: 7)
            }
        },
        Subject("eventfd-semaphore", "an eventfd that counts down one by one") {
            let event = try Descriptor("eventfd", call(__NR_eventfd2, 3, O_NONBLOCK | 1))
            return { _ in
                for _ in 0..<3 { try expect("its count", try event.word(), is: 1) }
                try mustFail("reading it a fourth time", EAGAIN, call(__NR_read, event, Buffer(8), 8))
                try event.write(word: 3)
            }
        },
        Subject("epoll", "an epoll with nine registrations: pipes, eventfds, a pair of sockets, with data of all kinds")
        {
            let epoll = try Epoll()
            let pipes = try (0..<3).map { _ in try Pipe(O_NONBLOCK) }
            let events = try (0..<4).map { _ in try Descriptor("eventfd", call(__NR_eventfd2, 0, O_NONBLOCK)) }
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, 1, 0, $0) }
            for (number, pipe) in pipes.enumerated() {
                try epoll.add(pipe.output, 1, 0x1111_2222_3333_0000 + UInt64(number))
            }
            for (number, event) in events.enumerated() { try epoll.add(event, 1, UInt64(number + 1)) }
            try epoll.add(left, 1 | 0x2000, .max)
            try epoll.add(right, 1, 0x8000_0000_0000_0000)
            return { _ in
                try expect("ready before", try epoll.wait(), is: [:])
                for pipe in pipes { try pipe.input.write("x") }
                for event in events { try event.write(word: 1) }
                try right.write("y")
                var wanted: [UInt64: UInt32] = [1: 1, 2: 1, 3: 1, 4: 1, .max: 1]
                for number in 0..<3 { wanted[0x1111_2222_3333_0000 + UInt64(number)] = 1 }
                try expect("ready", try epoll.wait(), is: wanted)
                try expect("ready still", try epoll.wait(), is: wanted)
                for pipe in pipes { _ = try pipe.output.read() }
                for event in events { _ = try event.word() }
                _ = try left.read()
                try expect("ready after", try epoll.wait(), is: [:])
            }
        },
        Subject("epoll-edges", "edge-triggered and one-shot registrations, some of them spent") {
            let epoll = try Epoll()
            let pipes = try (0..<3).map { _ in try Pipe(O_NONBLOCK) }
            let (edge, once, spent): (UInt32, UInt32, UInt32) = (1 << 31 | 1, 1 << 30 | 1, 1 << 30 | 1)
            for (number, flags) in [edge, once, spent].enumerated() {
                try epoll.add(pipes[number].output, flags, UInt64(number))
            }
            let spend: @Sendable () throws -> Void = {
                try pipes[2].input.write("x")
                try expect("ready once", try epoll.wait(), is: [2: 1])
            }
            try spend()
            return { _ in
                // Of an edge one more may be told than there was, never one less.
                try expect("ready before", try epoll.wait().filter { $0.key != 0 }, is: [:])
                for pipe in pipes { try pipe.input.write("x") }
                try expect("ready", try epoll.wait(), is: [0: 1, 1: 1])
                try expect("ready again", try epoll.wait(), is: [:])
                for pipe in pipes { _ = try pipe.output.read() }
                try epoll.change(pipes[1].output, once, 1)
                try epoll.change(pipes[2].output, spent, 2)
                try spend()
            }
        },
        Subject("epoll-nested", "an epoll within an epoll") {
            let (outer, inner) = (try Epoll(), try Epoll())
            let event = try Descriptor("eventfd", call(__NR_eventfd2, 0, O_NONBLOCK))
            try inner.add(event, 1, 21)
            try outer.add(inner.descriptor, 1, 12)
            return { _ in
                try expect("ready before", try outer.wait(), is: [:])
                try event.write(word: 1)
                try expect("the outer", try outer.wait(), is: [12: 1])
                try expect("the inner", try inner.wait(), is: [21: 1])
                _ = try event.word()
            }
        },
        Subject("epoll-of-timers", "an epoll with a timerfd, a signalfd and an inotify") {
            let epoll = try Epoll()
            let mask = Buffer(words: [1 << 36])
            try setSignalMask(mask[0])
            let timer = try Descriptor("timerfd", call(__NR_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK))
            let signal = try Descriptor("signalfd", call(__NR_signalfd4, -1, mask, 8, O_NONBLOCK))
            let notes = try Descriptor("inotify", call(__NR_inotify_init1, O_NONBLOCK))
            try makeDirectory("/tmp/noted")
            try must("inotify_add_watch", call(__NR_inotify_add_watch, notes, "/tmp/noted", 0x100))
            for (number, one) in [timer, signal, notes].enumerated() { try epoll.add(one, 1, UInt64(number + 70)) }
            return { _ in
                try expect("ready before", try epoll.wait(), is: [:])
                try must("timerfd_settime", call(__NR_timerfd_settime, timer, 0, timespecs(0, millisecond), 0))
                try must("kill", call(__NR_kill, call(__NR_getpid), 37))
                try makeFile("/tmp/noted/file", [])
                try eventually("all three are ready") { try epoll.wait() == [70: 1, 71: 1, 72: 1] }
                for one in [timer, signal, notes] { _ = try one.read(4096) }
                try remove("/tmp/noted/file")
            }
        },
        Subject("epoll-of-listener", "an epoll with a listening socket and a duplicate of a pipe's end") {
            let epoll = try Epoll()
            let listener = try Listener(loopback(0))
            let pipe = try Pipe(O_NONBLOCK)
            let copy = try Descriptor("dup", call(__NR_dup, pipe.output))
            try epoll.add(listener.socket, 1, 1)
            try epoll.add(copy, 1, 2)
            return { _ in
                try expect("ready before", try epoll.wait(), is: [:])
                let client = try listener.connect()
                try pipe.input.write("x")
                try eventually("both are ready") { try epoll.wait() == [1: 1, 2: 1] }
                try listener.accept().close()
                client.close()
                _ = try pipe.output.read()
            }
        },
        Subject("inotify", "watches on a directory and on a file of /tmp") {
            try makeDirectory("/tmp/watched")
            try makeFile("/tmp/single", [])
            let notes = try Descriptor("inotify_init1", call(__NR_inotify_init1, O_NONBLOCK))
            // The first is taken away: numbers have a gap.
            let gone = try must("inotify_add_watch", call(__NR_inotify_add_watch, notes, "/tmp", 2))
            let directory = try must("inotify_add_watch", call(__NR_inotify_add_watch, notes, "/tmp/watched", 0x300))
            let file = try must("inotify_add_watch", call(__NR_inotify_add_watch, notes, "/tmp/single", 2))
            try must("inotify_rm_watch", call(__NR_inotify_rm_watch, notes, gone))
            _ = try notes.read()
            return { _ in
                try mustFail("reading", EAGAIN, call(__NR_read, notes, Buffer(4096), 4096))
                try makeFile("/tmp/watched/new", [])
                try expectNote(notes, directory, 0x100, "new")
                try remove("/tmp/watched/new")
                try expectNote(notes, directory, 0x200, "new")
                try makeFile("/tmp/single", [1])
                try expectNote(notes, file, 2, "")
                // Emptied and written are two changes, which may be told as one.
                _ = call(__NR_read, notes, Buffer(4096), 4096)
            }
        },
        Subject("inotify-pending", "an inotify with an event that was not read", refused: "inotify") {
            try makeDirectory("/tmp/watched")
            let notes = try Descriptor("inotify_init1", call(__NR_inotify_init1, O_NONBLOCK))
            let watch = try must("inotify_add_watch", call(__NR_inotify_add_watch, notes, "/tmp/watched", 0x100))
            let number = Counter()
            try makeFile("/tmp/watched/0", [])
            return { _ in
                try expectNote(notes, watch, 0x100, "\(number.value)")
                try makeFile("/tmp/watched/\(number.add(1))", [])
            }
        },
    ]

    private static func expectNote(_ notes: Descriptor, _ watch: Int, _ mask: UInt32, _ name: String) throws {
        let buffer = Buffer(4096)
        try must("reading a note", call(__NR_read, notes, buffer, name.isEmpty ? 16 : 32))
        try expect("watch and mask", [buffer.half(0), buffer.half(4)], is: [UInt32(watch), mask])
        if name.isEmpty { return }
        try expect("name", String(decoding: buffer.bytes(32)[16...].prefix { $0 != 0 }, as: UTF8.self), is: name)
    }
}

private struct Epoll {
    let descriptor: Descriptor

    init() throws { descriptor = try Descriptor("epoll_create1", call(__NR_epoll_create1, O_CLOEXEC)) }

    func add(_ other: Descriptor, _ events: UInt32, _ data: UInt64) throws { try control(1, other, events, data) }
    func change(_ other: Descriptor, _ events: UInt32, _ data: UInt64) throws { try control(3, other, events, data) }

    /// The structure has no gap between its two members.
    private func control(_ operation: Int, _ other: Descriptor, _ events: UInt32, _ data: UInt64) throws {
        let event = Buffer(words: [UInt64(events) | data << 32, data >> 32])
        try must("epoll_ctl", call(__NR_epoll_ctl, descriptor, operation, other, event))
    }

    /// What is ready at this moment, by the data of its registration.
    func wait() throws -> [UInt64: UInt32] {
        let buffer = Buffer(12 * 64)
        let count = try must("epoll_wait", call(__NR_epoll_wait, descriptor, buffer, 64, 0))
        var found: [UInt64: UInt32] = [:]
        for at in stride(from: 0, to: 12 * count, by: 12) {
            found[UInt64(buffer.half(at + 4)) | UInt64(buffer.half(at + 8)) << 32] = buffer.half(at)
        }
        return found
    }
}
