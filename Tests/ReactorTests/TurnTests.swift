// Whoever sends without end is served in turns: each does no more than a turn may, and others have theirs in between.

import Foundation
import Glibc
import Linux
import Testing
import Wire

@testable import Reactor

@Suite struct Turns {
    struct Flood: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var start = ""
        /// Sent again and again.
        let piece: String
    }

    static let floods = [
        Flood(testDescription: "requests", piece: "GET / HTTP/1.1\r\n\r\n"),
        Flood(
            testDescription: "requests with bodies", piece: "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
        Flood(
            testDescription: "heads of many fields",
            piece: "GET / HTTP/1.1\r\n" + String(repeating: "A: \(String(repeating: "x", count: 250))\r\n", count: 90)
                + "\r\n"),
        Flood(
            testDescription: "chunks of one byte", start: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            piece: "1\r\nx\r\n"),
        Flood(
            testDescription: "a body without end", start: "POST / HTTP/1.1\r\nContent-Length: 200000000\r\n\r\n",
            piece: String(repeating: "x", count: 1000)),
        Flood(testDescription: "empty lines", piece: "\r\n\r\n"),
    ]

    /// Counts what it is given.
    private final class Counter: BodyReceiver {
        var parts = 0
        var bytes = 0
        var held: Int { 0 }
        func receive(_ part: ArraySlice<UInt8>) -> Bool {
            parts += 1
            bytes += part.count
            return true
        }
        func end(trailers: HTTPFields) {}
        func cut() {}
    }

    @Test(arguments: floods) func areShortForAConnection(_ flood: Flood) throws {
        let server = try ServerUnderTest()
        let counter = Counter()
        var (served, servedOthers) = (0, 0)
        server.serves = {
            if $0.head.fields["neighbour"] != nil { servedOthers += 1 } else { served += 1 }
            $0.answer(200, type: nil, body: [])
        }
        server.plans = {
            flood.start.isEmpty || $0.head.fields["neighbour"] != nil ? .collect(limit: 100) : .pass(to: counter)
        }
        let client = try server.connect()
        let neighbour = try server.connect()
        client.send(flood.start)
        let many = Array(String(repeating: flood.piece, count: max(1, 60_000 / flood.piece.utf8.count)).utf8)
        var (turns, sent) = (0, 0)
        for round in 0..<60 {
            while true {
                let count = client.send(many, from: sent)
                if count <= 0 { break }
                sent = (sent + count) % many.count
            }
            // It takes what it is answered, or it would be left alone.
            client.read()
            let before = (served, counter.parts, counter.bytes, servedOthers)
            if round > 5 { neighbour.send("GET / HTTP/1.1\r\nNeighbour: 1\r\n\r\n") }
            try server.loop.turn()
            // A turn of 128 units: a head is eight at least, a part of a body one.
            #expect(served - before.0 <= Turn.mostWork / 8 + 1, "\(served - before.0) requests in one turn")
            #expect(counter.parts - before.1 <= Turn.mostWork, "\(counter.parts - before.1) parts in one turn")
            #expect(counter.bytes - before.2 <= Turn.mostBytes)
            if round > 5 { #expect(servedOthers == before.3 + 1, "the neighbour waited for the flood") }
            if served > before.0 || counter.parts > before.1 { turns += 1 }
        }
        // It goes on: what was left is seen to, turn by turn.
        if flood.testDescription != "empty lines" { #expect(turns > 20, "\(turns)") }
    }

    @Test func areShortForAListener() throws {
        let server = try ServerUnderTest()
        var clients: [Client] = []
        for _ in 0..<100 { clients.append(try server.connect()) }
        var most = 0
        while server.server.connectionCount < 100 {
            let before = server.server.connectionCount
            try server.loop.turn()
            most = max(most, server.server.connectionCount - before)
        }
        #expect(most == Turn.mostWork / Turn.workOfAccept)
    }

    @Test func areGivenAgainUntilNothingIsLeft() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        client.send(String(repeating: "GET / HTTP/1.1\r\n\r\n", count: 1000))
        #expect(try server.answers(to: client, count: 1000).count == 1000)
    }

    /// A body that nobody wants is heard out for some megabytes, not for all that its sender likes.
    @Test func endWhereNobodyWantsTheRest() throws {
        let server = try ServerUnderTest { $0.discarded = 1 << 20 }
        var tooLarge = 0
        server.serves = {
            if $0.isTooLarge { tooLarge += 1 }
            $0.answer(413, type: nil, body: [])
        }
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nContent-Length: 200000000\r\n\r\n")
        let piece = String(repeating: "x", count: 60_000)
        var sent = 0
        for _ in 0..<2000 {
            let count = client.send(piece)
            if count < 0 { break }
            sent += count
            try server.loop.turn()
        }
        #expect(tooLarge == 1)
        #expect(sent < 2 << 20, "\(sent) bytes were taken")
        #expect(server.server.connectionCount == 0)
    }

    // MARK: the rate over time

    /// A flood has what its share gives, whatever it sends; and others nothing of it.
    @Test func areChargedToTheShareOfTheirParty() throws {
        let share = LoopShare()
        let server = try ServerUnderTest(chargedTo: .share(share))
        let client = try server.connect()
        let many = String(repeating: "GET / HTTP/1.1\r\n\r\n", count: 3000)
        let start = Clock.now
        while Clock.now - start < 400_000_000 {
            client.send(many)
            client.read()
            // So that a round ends though nothing is ready.
            _ = server.loop.after(1_000_000) {}
            try server.loop.turn()
        }
        let elapsed = Clock.now - start
        #expect(share.pauses > 3, "\(share.pauses)")
        // A turn may go beyond what is left by as much as it takes.
        let most = UInt64(LoopShare.burst) + elapsed / UInt64(LoopShare.divisor) + 3 * LoopShare.longestTurn
        #expect(share.taken <= most, "\(share.taken) ns of \(elapsed)")
        #expect(share.taken > elapsed / 50, "it is served all the same")
    }

    @Test func eventsPayForThemselves() throws {
        let share = LoopShare()
        var now = Clock.now
        for _ in 0..<10_000 {
            now += 40_000
            share.earn(LoopShare.forEvent)
            #expect(share.charge(30_000, now: now, pausedShares: 0) == nil)
        }
    }

    @Test func manyFloodsTogetherGetLessEach() {
        let one = LoopShare()
        let all = LoopShare()
        let now = Clock.now
        var (alone, together): (UInt64?, UInt64?)
        while alone == nil { alone = one.charge(500_000, now: now, pausedShares: 0) }
        while together == nil { together = all.charge(500_000, now: now, pausedShares: 99) }
        #expect((together ?? 0) > 20 * (alone ?? 0))
        #expect(one.resume(now + 1_000_000_000).isEmpty && !one.isPaused)
    }

    // MARK: what is held

    @Test func thereIsACeilingForAllTogether() {
        let all = Holdings(bytes: 100, descriptors: 3)
        let parties = (0..<3).map { _ in Holdings(bytes: 60, descriptors: 2, within: all) }
        parties[0].add(bytes: 60)
        #expect(!parties[0].isOverdrawn && !parties[0].hasRoom(forBytes: 1))
        parties[1].add(bytes: 50)
        #expect(parties[1].isOverdrawn && parties[2].isOverdrawn, "all together hold 110")
        #expect(!parties[2].hasRoom(forBytes: 1))
        parties[0].add(bytes: -60)
        #expect(!parties[1].isOverdrawn && all.bytes == 50)
        #expect(parties[0].takeDescriptor() && parties[0].takeDescriptor() && !parties[0].takeDescriptor())
        #expect(parties[1].takeDescriptor() && !parties[1].takeDescriptor() && all.descriptors == 3)
        parties[0].giveDescriptor()
        #expect(parties[2].takeDescriptor() && all.descriptors == 3)
    }

    @Test func connectionsBeyondTheCeilingAreClosed() throws {
        let server = try ServerUnderTest { $0.connections = 10 }
        var clients: [Client] = []
        for _ in 0..<30 { clients.append(try server.connect()) }
        try server.turn {
            clients.count {
                $0.read(); return $0.isClosed
            } == 20
        }
        #expect(server.server.connectionCount == 10 && server.server.holdings.descriptors == 10)
        clients = []
        try server.turn { server.server.connectionCount == 0 }
        #expect(server.server.holdings.descriptors == 0)
    }

    // MARK: nothing is forgotten

    private static let package = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    private static func sources(_ modules: [String]) throws -> [(name: String, text: String)] {
        try modules.flatMap { module in
            let root = "/\(package)/Sources/\(module)"
            let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
            return try names.filter { $0.hasSuffix(".swift") }.map {
                ("\(module)/\($0)", try String(contentsOfFile: "\(root)/\($0)", encoding: .utf8))
            }
        }
    }

    /// Everything that has turns, and the test that shows what one turn does of what a hostile peer sends without end.
    private static let watched = [
        "HTTPConnection": "areShortForAConnection", "Listener": "areShortForAListener",
        "LogPipe": "areShortForALogPipe", "TelemetrySubscription": "areShortForASubscription",
        "Telemetry": "areShortForLinesOnTheirWay", "WardenLink": "areShortForTheWardenLink",
        // What they read is a number, which the kernel and our own threads add up.
        "Worker": "", "SignalWatch": "",
    ]

    @Test func everythingWatchedIsTested() throws {
        var found: Set<String> = []
        for (_, text) in try Self.sources(["Reactor", "Environments", "Service", "martlet"]) {
            for match in text.matches(of: /(?:class|extension)\s+(\w+)\s*:[^{\n]*\bWatched\b/) {
                found.insert(String(match.1))
            }
        }
        #expect(found == Set(Self.watched.keys))
        let tests = ["ReactorTests/TurnTests", "EnvironmentsTests/FloodTests"]
        let all = try tests.map { try String(contentsOfFile: "/\(Self.package)/Tests/\($0).swift", encoding: .utf8) }
        for name in Self.watched.values where !name.isEmpty {
            #expect(all.contains { $0.contains("func \(name)(") }, "there is no test \(name)")
        }
    }

    /// To read or to accept takes a turn: no other way leads there from what the loop calls.
    @Test func nothingReadsPastItsTurn() throws {
        for (name, text) in try Self.sources(["Reactor", "Environments", "Service"]) where name != "Reactor/Turn.swift"
        {
            for call in ["Streams.read(", "StreamSockets.accept(", "recv(", "Glibc.read(", "CLINUX_SYS_read"] {
                #expect(!text.contains(call), "\(name) has \(call)")
            }
        }
    }
}
