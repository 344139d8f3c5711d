// Stops and starts all that runs in a sandbox, through a file that the warden opened for us.

import Linux

struct Freezer: ~Copyable {
    /// One or none: a host without cgroup2 cannot freeze.
    private let file: Descriptors
    private(set) var isFrozen = false

    private static let one: [UInt8] = [49]
    private static let zero: [UInt8] = [48]

    init(_ file: consuming FileDescriptor?) {
        var descriptors = Descriptors(owning: [])
        if let file { descriptors.add(file) }
        self.file = descriptors
    }

    mutating func freeze() {
        guard file.count > 0, !isFrozen, Streams.write(file[0], Self.one, from: 0) == 1 else { return }
        isFrozen = true
    }

    mutating func thaw() {
        guard isFrozen else { return }
        isFrozen = false
        // When it fails the sandbox is gone, and that is on its way to us.
        _ = Streams.write(file[0], Self.zero, from: 0)
    }
}
