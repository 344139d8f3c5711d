// Sockets that are the program's own: pairs with data in them, listeners, and what becomes of a connection.

internal import CZoo
import Glibc

extension Subject {
    private static let stream = 1
    private static let datagram = 2
    private static let packet = 5

    static let sockets: [Subject] = [
        Subject("pair-of-streams", "a pair of stream sockets with data on its way in both directions") {
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, stream, 0, $0) }
            let fill: @Sendable () throws -> Void = {
                try left.write("to the right")
                try right.write([UInt8](repeating: 8, count: 50_000))
            }
            try fill()
            return { _ in
                try expect("on the right", try right.text(), is: "to the right")
                var count = 0
                while try left.poll() == 1 { count += try left.read(65_536).count { $0 == 8 } }
                try expect("on the left", count, is: 50_000)
                try fill()
            }
        },
        Subject(
            "pair-of-datagrams", "a pair of datagram sockets with three datagrams, one of them empty",
            refused: "messages wait"
        ) {
            try packets(datagram, ["one", "", "three and more"])
        },
        Subject(
            "pair-of-packets", "a pair of sockets that keep packets apart, with two of them", refused: "messages wait"
        ) {
            try packets(packet, ["first", "second"])
        },
        Subject(
            "pair-half-closed", "a pair one direction of which was shut down, with data before the end",
            refused: "half closed"
        ) {
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, stream, 0, $0) }
            try left.write("the last")
            try must("shutdown", call(__NR_shutdown, left, 1))
            let round = Counter()
            return { _ in
                if round.add(1) == 1 { try expect("the data", try right.text(), is: "the last") }
                try expect("the end", try right.read(), is: [])
                try right.write("back")
                try expect("the other direction", try left.text(), is: "back")
            }
        },
        Subject("pair-with-end-closed", "a pair one end of which is closed, with data from it") {
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, stream, 0, $0) }
            try left.write("from the grave")
            left.close()
            let round = Counter()
            return { _ in
                if round.add(1) == 1 { try expect("the data", try right.text(), is: "from the grave") }
                try expect("the end", try right.read(), is: [])
                try mustFail("writing", EPIPE, call(__NR_sendto, right, "x", 1, 0x4000, 0, 0))
            }
        },
        Subject("socket-options", "a pair of sockets with sizes, times and credentials set") {
            let (left, _) = try pair { call(__NR_socketpair, AF_UNIX, stream | Int(O_NONBLOCK), 0, $0) }
            // SO_SNDBUF, SO_RCVBUF, SO_PASSCRED
            for (option, value) in [(7, 40_000), (8, 50_000), (16, 1)] as [(Int, UInt64)] {
                try must("setsockopt", call(__NR_setsockopt, left, 1, option, Buffer(words: [value]), 4))
            }
            try must("SO_RCVTIMEO", call(__NR_setsockopt, left, 1, 20, Buffer(words: [3, 0]), 16))
            return { _ in
                for (option, value) in [(7, 80_000), (8, 100_000), (16, 1)] as [(Int, UInt32)] {
                    try expect("option \(option)", try socketOption(left, option), is: value)
                }
                try expect("time to receive", try socketOption(left, 20), is: 3)
                try expect("O_NONBLOCK", try left.flags & Int(O_NONBLOCK), is: Int(O_NONBLOCK))
            }
        },
        Subject("tcp-listener", "a TCP socket that listens on the loopback; it takes connections in every clone") {
            let listener = try Listener(loopback(0), reuse: true)
            let port = listener.address
            return { _ in
                try expect("its address", try socketName(listener.socket), is: port)
                try expect("SO_REUSEADDR", try socketOption(listener.socket, 2), is: 1)
                try listener.expectConversation()
            }
        },
        Subject("tcp-listener-of-version-6", "a TCP socket that listens on the loopback of version 6") {
            var address = [UInt8](repeating: 0, count: 28)
            (address[0], address[23]) = (10, 1)
            let listener = try Listener(address)
            return { _ in try listener.expectConversation() }
        },
        Subject("unix-listener", "a Unix socket that listens in /tmp") {
            let listener = try Listener(unixAddress("/tmp/listener"))
            return { _ in
                try expect(Status("/tmp/listener").mode & 0o170000 == 0o140000, "there is no socket in /tmp")
                try listener.expectConversation()
            }
        },
        Subject("unix-listener-abstract", "a Unix socket that listens under an abstract name") {
            let listener = try Listener(unixAddress("\0zoo-listener"))
            return { _ in try listener.expectConversation() }
        },
        Subject(
            "unix-datagrams-bound", "a Unix datagram socket in /tmp, with a datagram in it", refused: "messages wait"
        ) {
            let address = unixAddress("/tmp/datagrams")
            let bound = try Descriptor("socket", call(__NR_socket, AF_UNIX, datagram, 0))
            try must("bind", call(__NR_bind, bound, Buffer(address), address.count))
            let sender = try Descriptor("socket", call(__NR_socket, AF_UNIX, datagram, 0))
            let send: @Sendable () throws -> Void = {
                try must("sendto", call(__NR_sendto, sender, "letter", 6, 0, Buffer(address), address.count))
            }
            try send()
            return { _ in
                try expect("poll", try bound.poll(), is: 1)
                try expect("the datagram", try bound.text(), is: "letter")
                try send()
            }
        },
        Subject("udp-bound", "a UDP socket bound to a port of the loopback") {
            let socket = try Descriptor("socket", call(__NR_socket, AF_INET, datagram | Int(O_NONBLOCK), 0))
            try must("bind", call(__NR_bind, socket, Buffer(loopback(0)), 16))
            let address = try socketName(socket)
            return { _ in
                try expect("its address", try socketName(socket), is: address)
                let sender = try Descriptor("socket", call(__NR_socket, AF_INET, datagram, 0))
                try must("sendto", call(__NR_sendto, sender, "letter", 6, 0, Buffer(address), 16))
                try expect("poll", try socket.poll(milliseconds: 1000), is: 1)
                try expect("the datagram", try socket.text(), is: "letter")
                sender.close()
            }
        },
        Subject("socket-unbound", "sockets that are neither bound nor connected") {
            let sockets = try [(AF_INET, stream), (AF_INET, datagram), (AF_UNIX, stream), (AF_INET6, stream)].map {
                try Descriptor("socket", call(__NR_socket, $0, $1, 0))
            }
            return { _ in
                try mustFail("connect", ECONNREFUSED, call(__NR_connect, sockets[0], Buffer(loopback(1)), 16))
                for (socket, type) in zip(sockets, [1, 2, 1, 1] as [UInt32]) {
                    try expect("its type", try socketOption(socket, 3), is: type)
                }
            }
        },
        Subject("tcp-connected", "a TCP connection to the program itself: closed in a clone, and never in the way") {
            let listener = try Listener(loopback(0))
            let client = Box(try listener.connect())
            let server = Box(try listener.accept())
            return { event in
                if event.isFirstOfClone {
                    // Closed, as Lambda's SnapStart leaves connections: an end or an error, and at once.
                    for end in [client.value, server.value] {
                        try expect(try end.poll(milliseconds: 1000) != 0, "a read would wait")
                        let count = call(__NR_read, end, Buffer(8), 8)
                        try expect(count <= 0 && count != -Int(EBADF), "read gives \(count)")
                        end.close()
                    }
                    (client.value, server.value) = (try listener.connect(), try listener.accept())
                }
                try client.value.write("there")
                try expect("through the connection", try server.value.text(), is: "there")
            }
        },
        Subject("unix-connected", "a connection to a Unix socket of the program's own") {
            let listener = try Listener(unixAddress("/tmp/own"))
            let client = try listener.connect()
            let server = try listener.accept()
            try client.write("on its way")
            return { _ in
                try expect("poll", try server.poll(milliseconds: 1000), is: 1)
                try expect("the data", try server.text(), is: "on its way")
                try server.write("back")
                try expect("the other direction", try client.text(), is: "back")
                try listener.expectConversation()
                try client.write("on its way")
            }
        },
    ]

    private static func packets(_ type: Int, _ packets: [String]) throws -> Check {
        let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, type, 0, $0) }
        let send: @Sendable () throws -> Void = {
            for packet in packets { try must("send", call(__NR_write, left, packet, packet.utf8.count)) }
        }
        try send()
        return { _ in
            for packet in packets {
                try expect("poll", try right.poll(), is: 1)
                try expect("a packet", try right.text(), is: packet)
            }
            try expect("poll", try right.poll(), is: 0)
            try send()
        }
    }
}

func unixAddress(_ name: String) -> [UInt8] {
    [1, 0] + Array(name.utf8) + (name.hasPrefix("\0") ? [] : [0])
}

func socketName(_ socket: Descriptor) throws -> [UInt8] {
    let (address, size) = (Buffer(128), Buffer(words: [128]))
    try must("getsockname", call(__NR_getsockname, socket, address, size))
    return address.bytes(Int(size.half(0)))
}

func socketOption(_ socket: Descriptor, _ option: Int) throws -> UInt32 {
    let (value, size) = (Buffer(16), Buffer(words: [16]))
    try must("getsockopt", call(__NR_getsockopt, socket, 1, option, value, size))
    return value.half(0)
}

/// A stream socket that listens.
struct Listener: Sendable {
    let socket: Descriptor
    let address: [UInt8]

    /// - Parameter address: with port 0, the kernel chooses one
    init(_ address: [UInt8], reuse: Bool = false) throws {
        socket = try Descriptor("socket", call(__NR_socket, Int(address[0]), 1 | Int(O_CLOEXEC), 0))
        if reuse { try must("SO_REUSEADDR", call(__NR_setsockopt, socket, 1, 2, Buffer(words: [1]), 4)) }
        try must("bind", call(__NR_bind, socket, Buffer(address), address.count))
        try must("listen", call(__NR_listen, socket, 5))
        self.address = address[0] == 1 ? address : try socketName(socket)
    }

    func connect() throws -> Descriptor {
        let client = try Descriptor("socket", call(__NR_socket, Int(address[0]), 1 | Int(O_CLOEXEC), 0))
        try must("connect", call(__NR_connect, client, Buffer(address), address.count))
        return client
    }

    func accept() throws -> Descriptor {
        try expect(try socket.poll(milliseconds: 1000) == 1, "no connection comes")
        return try Descriptor("accept", call(__NR_accept4, socket, 0, 0, O_CLOEXEC))
    }

    func expectConversation() throws {
        let (client, server) = (try connect(), try accept())
        try client.write("question")
        try expect("through a new connection", try server.text(), is: "question")
        try server.write("answer")
        try expect("and back", try client.text(), is: "answer")
        client.close()
        server.close()
    }
}
