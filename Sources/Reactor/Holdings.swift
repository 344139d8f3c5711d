// What somebody makes us hold, in bytes and descriptors, each with a ceiling; and above it what all of them make us hold
// together. Whoever keeps something for an environment says so here, and looks whether it may keep more.

package final class Holdings {
    private let mostBytes: Int
    private let mostDescriptors: Int
    private let parent: Holdings?
    package private(set) var bytes = 0
    package private(set) var descriptors = 0

    package init(bytes: Int, descriptors: Int, within parent: Holdings? = nil) {
        mostBytes = bytes
        mostDescriptors = descriptors
        self.parent = parent
    }

    package func add(bytes count: Int) {
        bytes += count
        parent?.add(bytes: count)
    }

    /// More is held than may be, by this one or by all together: whoever holds much of it lets go.
    package var isOverdrawn: Bool { bytes > mostBytes || parent?.isOverdrawn == true }

    package func hasRoom(forBytes count: Int) -> Bool {
        bytes + count <= mostBytes && parent?.hasRoom(forBytes: count) != false
    }

    /// One more, if there may be one more.
    package func takeDescriptor() -> Bool {
        guard descriptors < mostDescriptors, parent?.takeDescriptor() != false else { return false }
        descriptors += 1
        return true
    }

    package func giveDescriptor() {
        descriptors -= 1
        parent?.giveDescriptor()
    }
}
