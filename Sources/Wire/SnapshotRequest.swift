// What a supervisor asks about snapshots, and what it is told of them.

/// Snapshots have names of the supervisor's choice. The warden makes files of these names.
package enum SnapshotName {
    /// What is wrong with it, in words, or nil.
    package static func problem(_ name: String) -> String? {
        let isRight =
            !name.isEmpty && name.utf8.count <= 200 && name.first != "."
            && name.utf8.allSatisfy { byte in
                byte | 32 >= 97 && byte | 32 <= 122 || byte >= 48 && byte <= 57 || [45, 46, 64, 95].contains(byte)
            }
        return isRight ? nil : "'\(name)' cannot name a snapshot: letters, digits, '-', '_', '@' and '.', not first"
    }
}

package struct CaptureRequest: Equatable, Sendable {
    /// What it shall be called.
    package var snapshot: String
    /// Kept with the image and given back with its description: what the supervisor has to know of the environment
    /// to take up a restored one. Nothing to the warden.
    package var memo: String

    package init(snapshot: String, memo: String = "") {
        self.snapshot = snapshot
        self.memo = memo
    }

    package static let longestMemo = 32 * 1024

    /// From its start to its end; the sandbox stands still for the first part of that. What takes longer is given up.
    package static func longestSeconds(memoryMB: UInt32) -> UInt64 { 15 + UInt64(memoryMB) / 64 }

    /// What is wrong with it, in words, or nil.
    package func problem() -> String? {
        if memo.utf8.count > Self.longestMemo { return "a memo of \(memo.utf8.count) bytes is too long" }
        return SnapshotName.problem(snapshot)
    }

    package func encode(into encoder: inout Encoder) {
        encoder.put(snapshot)
        encoder.put(memo)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        snapshot = try decoder.text()
        memo = try decoder.text()
    }
}

/// What a capture has cost and brought.
package struct CaptureFigures: Equatable, Sendable {
    package var processes: UInt32 = 0
    package var threads: UInt32 = 0
    /// Bytes of memory in the image, without pages of zeros.
    package var bytes: UInt64 = 0
    /// How long the processes stood still.
    package var stoppedUS: UInt64 = 0

    package init() {}

    package func encode(into encoder: inout Encoder) {
        encoder.put(processes)
        encoder.put(threads)
        encoder.put(bytes)
        encoder.put(stoppedUS)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        processes = try decoder.integer()
        threads = try decoder.integer()
        bytes = try decoder.integer()
        stoppedUS = try decoder.integer()
    }
}
