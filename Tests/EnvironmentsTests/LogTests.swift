import Glibc
import Linux
import Reactor
import Testing

@testable import Environments

@Suite struct LogPipes {
    let loop: EventLoop
    let lines = Lines()
    let pipe: LogPipe

    final class Lines: LineReceiver {
        var all: [UInt8] = []
        var calls = 0
        func logLines(_ lines: ArraySlice<UInt8>) {
            #expect(lines.last == 10)
            all += lines
            calls += 1
        }
        var text: String { String(decoding: all, as: UTF8.self) }
    }

    init() throws {
        loop = try EventLoop()
        pipe = try LogPipe(
            loop, lines, chargedTo: .engine, holdings: Holdings(bytes: 1 << 20, descriptors: 10))
        _ = fcntl(pipe.writeEnd.raw, F_SETFL, O_NONBLOCK)
    }

    @discardableResult
    private func print(_ text: String) -> Int { Streams.write(pipe.writeEnd.raw, Array(text.utf8), from: 0) ?? -1 }

    private func turn(_ milliseconds: UInt64 = 3) throws {
        _ = loop.after(milliseconds * 1_000_000) { [loop] in loop.stop() }
        try loop.run()
    }

    @Test func linesAreCutWhereTheyEnd() throws {
        print("one\ntwo\nthr")
        try turn()
        #expect(lines.text == "one\ntwo\n")
        print("ee\n\n")
        try turn()
        #expect(lines.text == "one\ntwo\nthree\n\n")
        #expect(lines.calls == 2)
    }

    @Test func whatHasNoEndGetsOneAtTheEnd() throws {
        print("half")
        try turn()
        #expect(lines.text == "")
        pipe.drain()
        #expect(lines.text == "half\n")
        pipe.drain()
        #expect(lines.text == "half\n")
    }

    @Test func whatWasWrittenBeforeIsThereAfterDraining() {
        print("a\nb\nc")
        pipe.drain()
        #expect(lines.text == "a\nb\nc\n")
    }

    @Test func aLineWithoutEndIsCut() throws {
        let part = String(repeating: "x", count: 32 * 1024)
        for _ in 0..<12 {
            print(part)
            try turn(1)
        }
        #expect(lines.calls == 1)
        #expect(lines.all.count > LogPipe.longestLine && lines.all.count <= LogPipe.longestLine + 64 * 1024 + 1)
    }

    @Test func aFloodIsThrownAwayAndCounted() throws {
        let part = String(repeating: String(repeating: "x", count: 127) + "\n", count: 256)
        let start = Clock.now
        var written = 0
        while written < 16 << 20 {
            let count = print(part)
            if count > 0 { written += count }
            try turn(0)
        }
        let seconds = Double(Clock.now - start) / 1e9
        // Four MB at once, and one more each second.
        #expect(Double(lines.all.count) < 4_300_000 + seconds * 1_200_000)
        #expect(lines.all.count > 3_000_000)
        try turn(200)
        print("after\n")
        try turn()
        #expect(lines.text.contains("bytes of log were dropped: more than 1048576 a second]\n"))
        #expect(lines.text.hasSuffix("after\n"))
    }

    @Test func nothingIsReadAfterTheEnd() throws {
        pipe.close()
        print("late\n")
        try turn()
        pipe.drain()
        #expect(lines.text == "")
    }
}

@Suite struct LogTails {
    @Test func keepTheLastFourKilobytes() {
        var tail = LogTail()
        #expect(tail.last.isEmpty)
        tail.add(Array("ab".utf8)[...])
        tail.add(Array("cd".utf8)[...])
        #expect(tail.last == Array("abcd".utf8))
        for number in 0..<10_000 { tail.add([UInt8(number % 251)][...]) }
        #expect(tail.last.count == 4096)
        #expect(tail.last == (5904..<10_000).map { UInt8($0 % 251) })
        tail.add(([UInt8](repeating: 7, count: 100_000) + [8])[...])
        #expect(tail.last == [UInt8](repeating: 7, count: 4095) + [8])
        tail.clear()
        #expect(tail.last.isEmpty)
    }
}

@Suite struct LogFiles {
    @Test func areReadFollowedTurnedAndRemoved() throws {
        let place = try Temporary()
        let store = LogStore(directory: place.path, try EventLoop())
        var followed: [UInt8] = []
        let follower = LogFollower { followed += $0 }
        store.follow("f", follower)
        store.open("f").append(Array("one\ntwo\n".utf8)[...])
        store.open("g").append(Array("other\n".utf8)[...])
        #expect(followed == Array("one\ntwo\n".utf8))
        #expect(store.read("f", limit: 100) == Array("one\ntwo\n".utf8))
        // The end of it, from the beginning of a line.
        #expect(store.read("f", limit: 6) == Array("two\n".utf8))
        store.unfollow("f", follower)
        let line = [UInt8](repeating: 120, count: 999) + [10]
        for _ in 0..<20_000 { store.open("f").append(line[...]) }
        store.flush()
        #expect(followed.count == 8)
        let kept = store.read("f", limit: .max)
        #expect(kept.count >= 8 << 20 && kept.count < 18 << 20)
        #expect(try Files.names(in: place.path).sorted().contains("f.log.1"))
        store.remove("f")
        #expect(store.read("f", limit: 100).isEmpty)
        #expect(try Files.names(in: place.path) == ["g.log"])
    }
}

/// A directory of its own, removed in the end.
final class Temporary {
    let path: String

    init() throws {
        path = "/tmp/martlet-environments-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        try Files.makeDirectories(path)
    }

    deinit { try? Trees.remove(path) }
}
