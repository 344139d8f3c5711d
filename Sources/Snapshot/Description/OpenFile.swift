// An open file: what one or more descriptors stand for. And the files of /tmp and /dev/shm.

package import Wire

package struct OpenFile: Visited, Sendable {
    package enum Kind: UInt8, Sendable {
        /// By its path: a file, a directory, a device, something of /proc.
        case path = 0
        /// Its name is gone: made anew with its contents.
        case deleted
        /// One of the pipes that the supervisor reads logs from: `index` says which.
        case log
        /// One end of a pipe that others of the plan have the other end of; `index` is common to both.
        case pipeReading, pipeWriting
        case namedPipe
        case counter
        case poll
        case timer
        case signals
        case watches
        case memory
        /// Two sockets that are each other's other end; `index` is common to both.
        case socketPair
        /// To the Runtime API, through TCP from the same port, or through the abstract name.
        case runtimeAPI, runtimeSocket
        case listener
        case datagram
        /// Connected to something that is not in the snapshot: it comes back without a connection.
        case lostSocket
    }

    package var kind = Kind.path
    /// As given to open, without those that only matter then.
    package var flags: UInt32 = 0
    package var position: UInt64 = 0
    package var path = ""
    package var index: UInt32 = 0
    /// A count, a clock, a mask of signals, a family: what the kind needs.
    package var value: UInt64 = 0
    package var second: UInt64 = 0
    package var third: UInt64 = 0
    package var times: [UInt64] = []
    /// What waits in it, or its contents.
    package var payload: [UInt8] = []
    /// Contents that are in the image.
    package var contents: [PageRun] = []
    package var size: UInt64 = 0
    package var registrations: [Registration] = []
    package var locks: [FileLock] = []
    /// Of a socket, as far as they are not what every new one has.
    package var options: [SocketOption] = []

    package init() {}

    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(kind: &kind)
        try visitor.visit(&flags)
        try visitor.visit(&position)
        try visitor.visit(&path)
        try visitor.visit(&index)
        try visitor.visit(&value)
        try visitor.visit(&second)
        try visitor.visit(&third)
        try visitor.visit(&times, most: 4)
        try visitor.visit(bytes: &payload, most: Plan.Limits.payload)
        try visitor.visit(&contents, most: 65_536)
        try visitor.visit(&size)
        try visitor.visit(&registrations, most: Plan.Limits.files)
        try visitor.visit(&locks, most: 256)
        try visitor.visit(&options, most: 32)
    }
}

package struct SocketOption: Visited, Sendable {
    package var number: UInt32 = 0
    package var value: [UInt8] = []
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&number)
        try visitor.visit(bytes: &value, most: 16)
    }
}

/// A lock that is held on a file.
package struct FileLock: Visited, Sendable {
    package enum Kind: UInt8, Sendable { case whole = 0, record, ofOpenFile }
    package var kind = Kind.whole
    package var isExclusive = false
    package var start: UInt64 = 0
    /// Zero: to the end, wherever that may come to be.
    package var length: UInt64 = 0
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(kind: &kind)
        try visitor.visit(&isExclusive)
        try visitor.visit(&start)
        try visitor.visit(&length)
    }
}

/// What a poll waits for, or a watch looks at.
package struct Registration: Visited, Sendable {
    package var number: Int32 = 0
    package var events: UInt32 = 0
    package var data: UInt64 = 0
    package var path = ""
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&number)
        try visitor.visit(&events)
        try visitor.visit(&data)
        try visitor.visit(&path)
    }
}

/// One name below /tmp or /dev/shm, directories before what is in them.
package struct TreeEntry: Visited, Sendable {
    package enum Kind: UInt8, Sendable { case directory = 0, file, link, pipe, socket, hardLink }
    package var kind = Kind.file
    package var path = ""
    package var target = ""
    package var mode: UInt32 = 0
    package var size: UInt64 = 0
    package var contents: [PageRun] = []
    package var seconds: Int64 = 0
    package var nanoseconds: Int64 = 0
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(kind: &kind)
        try visitor.visit(&path)
        try visitor.visit(&target)
        try visitor.visit(&mode)
        try visitor.visit(&size)
        try visitor.visit(&contents, most: 65_536)
        try visitor.visit(&seconds)
        try visitor.visit(&nanoseconds)
    }
}
