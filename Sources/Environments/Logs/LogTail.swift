// The last 4 KB of an invocation's log.

struct LogTail {
    private var bytes: [UInt8] = []
    static let most = 4096

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    mutating func add(_ part: ArraySlice<UInt8>) {
        if bytes.count + part.count > 4 * Self.most { bytes = bytes.suffix(Self.most) }
        bytes.append(contentsOf: part.suffix(Self.most))
    }

    var last: [UInt8] { bytes.suffix(Self.most) }
}
