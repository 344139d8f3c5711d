// The steps that make sockets: to the Runtime API, and those that listen.

import Glibc
import Wire

extension Compiler {
    /// The socket for a connection of its own to the Runtime API: nothing was on its way when it was captured, so that a
    /// fresh one under the same number is the same.
    mutating func runtimeAPI(_ file: OpenFile, _ slot: Int) {
        let isLocal = file.kind == .runtimeSocket
        let type = UInt64(1)
        program.add("make a socket", Call.socket, .number(isLocal ? 1 : 2), .number(type), .value(0), into: slot)
        if isLocal { return }
        let one = program.put32([1])
        // The same port as before: by that the supervisor knows whose it is.
        program.add("reuse an address", Call.setsockopt, .slot(slot), .value(1), .value(2), .data(one), .value(4))
        let own = Self.internet(port: UInt16(truncatingIfNeeded: file.third), address: 0x7f00_0001)
        program.add("bind to the same port", Call.bind, .slot(slot), .data(program.put(own)), .number(own.count))
        program.add("send at once", Call.setsockopt, .slot(slot), .value(6), .value(1), .data(one), .value(4))
    }

    /// Connects them, when nearly nothing can fail any more: an event may be on its way as soon as that is done. Of a
    /// socket that several processes have, the first of them does it.
    mutating func connectToRuntimeAPI(_ state: ProcessState, _ index: Int) {
        var done: Set<UInt32> = []
        for process in plan.processes[..<index] { done.formUnion(process.descriptors.map(\.file)) }
        for descriptor in state.descriptors where done.insert(descriptor.file).inserted {
            let file = plan.files[Int(descriptor.file)]
            guard file.kind == .runtimeAPI || file.kind == .runtimeSocket else { continue }
            let address =
                file.kind == .runtimeSocket
                ? [1, 0, 0] + Array(Capture.runtimeSocket.utf8)
                : Self.internet(port: Capture.runtimePort, address: 0x7f00_0001)
            program.add(
                "connect to the Runtime API", Call.connect, .number(descriptor.number), .data(program.put(address)),
                .number(address.count))
            if file.flags & UInt32(O_NONBLOCK) != 0 {
                program.add(
                    "set flags", Call.fcntl, .number(descriptor.number), .value(4), .number(file.flags & ~3))
            }
        }
    }

    mutating func bound(_ file: OpenFile, _ slot: Int) {
        program.add(
            "make a socket", Call.socket, .number(file.value),
            .number(file.second | UInt64(file.flags & UInt32(O_NONBLOCK))), .value(0), into: slot)
        setOptions(slot, file)
        let address: [UInt8]
        let port = UInt16(truncatingIfNeeded: file.third)
        switch Int32(truncatingIfNeeded: file.value) {
        case AF_UNIX:
            address = [1, 0] + file.payload
            if let first = file.payload.first, first != 0 {
                let path = program.put(file.payload + [0], alignment: 1)
                program.add(
                    "clear a socket's name", Call.unlinkat, .number(-100), .data(path), .value(0), mayFail: true)
            }
        case AF_INET: address = Self.internet(port: port, address: UInt32(truncatingIfNeeded: file.third >> 16))
        default: address = Self.internet6(port: port)
        }
        if Int32(truncatingIfNeeded: file.value) != AF_UNIX {
            let one = program.put32([1])
            program.add("reuse an address", Call.setsockopt, .slot(slot), .value(1), .value(2), .data(one), .value(4))
        }
        if port > 0 || Int32(truncatingIfNeeded: file.value) == AF_UNIX && !file.payload.isEmpty {
            program.add("bind a socket", Call.bind, .slot(slot), .data(program.put(address)), .number(address.count))
        }
        if file.kind == .listener { program.add("listen", Call.listen, .slot(slot), .value(511)) }
    }

    private static func internet(port: UInt16, address: UInt32) -> [UInt8] {
        [2, 0, UInt8(port >> 8), UInt8(port & 255)]
            + (0..<4).map { UInt8(truncatingIfNeeded: address >> (24 - $0 * 8)) }
            + Array(repeating: 0, count: 8)
    }

    private static func internet6(port: UInt16) -> [UInt8] {
        [10, 0, UInt8(port >> 8), UInt8(port & 255)] + Array(repeating: 0, count: 24)
    }
}
