import Glibc
import Linux
import Testing

@Suite struct MessageSockets {
    let here: MessageSocketBox
    let there: MessageSocketBox

    /// Tests may not hold what cannot be copied.
    final class MessageSocketBox {
        let socket: MessageSocket
        init(raw: Int32) { socket = MessageSocket(raw: raw) }
    }

    init() throws {
        let ends = try MessageSocket.pair()
        here = MessageSocketBox(raw: ends.here)
        there = MessageSocketBox(raw: ends.there)
    }

    private func receive(limit: Int = MessageSocket.longest) throws -> (bytes: [UInt8], descriptors: [Int32])? {
        switch try there.socket.receive(block: false, limit: limit) {
        case .nothing: return nil
        case .closed: return nil
        case .message(let message):
            var message = message
            var raws: [Int32] = []
            while let one = message.descriptors.next() { raws.append(one.release()) }
            return (message.bytes, raws)
        }
    }

    @Test func messagesArriveWholeAndInOrder() throws {
        try here.socket.send([1, 2, 3])
        try here.socket.send([4])
        #expect(try receive()?.bytes == [1, 2, 3])
        #expect(try receive()?.bytes == [4])
        #expect(try receive() == nil)
    }

    @Test func descriptorsArriveCloseOnExec() throws {
        let file = try Files.open("/dev/null")
        try here.socket.send([1], descriptors: [file.raw, file.raw])
        let descriptors = try #require(try receive()).descriptors
        #expect(descriptors.count == 2)
        for raw in descriptors {
            #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
            close(raw)
        }
    }

    @Test func tooLongIsRefusedBySender() {
        #expect(throws: SystemError.self) {
            try here.socket.send([UInt8](repeating: 0, count: MessageSocket.longest + 1))
        }
    }

    /// A pipe tells that nobody holds its other end; to count descriptors would count those of the tests beside.
    @Test func tooLongIsRefusedByReceiverAndItsDescriptorsAreClosed() throws {
        let pipe = try Streams.pipe()
        let reading = FileDescriptor(owning: pipe.read)
        do {
            let writing = FileDescriptor(owning: pipe.write)
            try here.socket.send([UInt8](repeating: 7, count: 2000), descriptors: [writing.raw])
        }
        #expect(throws: SystemError(call: "recvmsg", subject: "", code: EMSGSIZE)) { try receive(limit: 1000) }
        var watched = pollfd(fd: reading.raw, events: 0, revents: 0)
        #expect(unsafe poll(&watched, 1, 10_000) == 1)
        #expect(watched.revents == Int16(POLLHUP))
    }

    /// A message may come at any instruction of the one who looks for one: here it always looks.
    @Test func aMessageThatComesWhileOneIsLookedForIsWhole() throws {
        final class Sender: Sendable {
            let socket: MessageSocket
            init(raw: Int32) { socket = MessageSocket(raw: raw) }
        }
        let ends = try MessageSocket.pair()
        let mine = MessageSocket(raw: ends.here)
        let sender = Sender(raw: ends.there)
        let count = 2000
        var thread = pthread_t()
        unsafe pthread_create(
            &thread, nil,
            {
                let sender = unsafe Unmanaged<Sender>.fromOpaque($0!).takeRetainedValue()
                for number in 0..<2000 {
                    try? sender.socket.send([UInt8(number % 251), 1, 2, 3])
                    sched_yield()
                }
                return nil
            }, Unmanaged.passRetained(sender).toOpaque())
        defer {
            // The sender must not wait for room that nobody makes any more.
            shutdown(mine.raw, Int32(SHUT_RDWR))
            pthread_join(thread, nil)
        }
        var arrived = 0
        while arrived < count {
            guard case .message(let message) = try mine.receiveNext(limit: 100) else { continue }
            #expect(message.bytes == [UInt8(arrived % 251), 1, 2, 3])
            arrived += 1
        }
    }

    @Test func theNextOfAnEmptyAndOfAClosedSocketIsToldApart() throws {
        let ends = try MessageSocket.pair()
        let mine = MessageSocket(raw: ends.here)
        do {
            let other = MessageSocket(raw: ends.there)
            guard case .nothing = try mine.receiveNext(limit: 100) else {
                Issue.record("something came")
                return
            }
            try other.send([1])
            try other.send([UInt8](repeating: 2, count: 200))
        }
        guard case .message(let message) = try mine.receiveNext(limit: 100) else {
            Issue.record("nothing came")
            return
        }
        #expect(message.bytes == [1])
        #expect(throws: SystemError(call: "recvmsg", subject: "", code: EMSGSIZE)) {
            _ = try mine.receiveNext(limit: 100)
        }
        guard case .closed = try mine.receiveNext(limit: 100) else {
            Issue.record("not closed")
            return
        }
    }

    @Test func theLastWordOfOneThatDidNotListenIsHeard() throws {
        let ends = try MessageSocket.pair()
        let mine = MessageSocket(raw: ends.here)
        do {
            let other = MessageSocket(raw: ends.there)
            try mine.send([1])
            try other.send([2])
        }
        guard case .message(let message) = try mine.receive(block: false) else {
            Issue.record("the last word was lost")
            return
        }
        #expect(message.bytes == [2])
    }

    @Test func theEndOfTheOtherSideIsSeen() throws {
        let ends = try MessageSocket.pair()
        let mine = MessageSocket(raw: ends.here)
        do { _ = MessageSocket(raw: ends.there) }
        guard case .closed = try mine.receive(block: false) else {
            Issue.record("the end was not seen")
            return
        }
    }
}

@Suite struct SocketDescriptions {
    /// The kernel gives such a path out with one byte more than there is room for.
    @Test func aPathThatFillsItsRoomIsWhole() throws {
        let text = Array("/tmp/martlet-\(getpid())-".utf8)
        let path = text + Array(repeating: UInt8(ascii: "x"), count: 108 - text.count)
        let address = unsafe withUnsafeBytes(of: sa_family_t(AF_UNIX)) { unsafe Array($0) } + path
        let listener = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let client = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        defer { try? Files.remove(String(decoding: path, as: UTF8.self)) }
        try unsafe address.withUnsafeBytes { bytes in
            let place = unsafe bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            try #require(unsafe bind(listener.raw, place, 110) == 0 && listen(listener.raw, 1) == 0)
            try #require(unsafe connect(client.raw, place, 110) == 0)
        }
        let (one, other) = (try SocketDetails(listener.raw), try SocketDetails(client.raw))
        #expect(one.name == path && one.listens && !one.isConnected)
        #expect(other.name == path && !other.listens && other.isConnected)
    }
}
