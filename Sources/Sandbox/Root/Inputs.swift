// The directories that a request names, opened once, before any mount is made: from here on the engine holds what was
// checked, and a path that is changed afterwards changes nothing.

import Glibc
import Linux
import Snapshot
import Wire

struct Inputs: ~Copyable {
    let root: FileDescriptor
    /// Some roots lack a mount point; the skeleton is then merged with them.
    let needsSkeleton: Bool
    /// One or none.
    var code: Descriptors
    /// In the order of the request.
    var layers: Descriptors

    init(_ request: SandboxRequest, within confinement: Confinement?) throws(Refusal) {
        let root = try Self.open(request.root, as: "root", confinement)
        let code = try Self.openAll(request.code.map { [$0] } ?? [], as: "code", confinement)
        let layers = try Self.openAll(request.layers, as: "layer", confinement)
        needsSkeleton = !Skeleton.isComplete(root)
        self.root = root
        self.code = code
        self.layers = layers
    }

    /// What a snapshot made of these directories is bound to.
    borrowing func binding() throws(Refusal) -> Binding {
        try Binding(root: root.raw, code: code.numbers.first, layers: layers.numbers)
    }

    /// Of all that it holds.
    var numbers: [Int32] { [root.raw] + code.numbers + layers.numbers }

    private static func openAll(
        _ paths: [String], as role: String, _ confinement: Confinement?
    ) throws(Refusal) -> Descriptors {
        var all = Descriptors(owning: [])
        for path in paths { all.add(try open(path, as: role, confinement)) }
        return all
    }

    private static func open(
        _ path: String, as role: String, _ confinement: Confinement?
    ) throws(Refusal) -> FileDescriptor {
        if let confinement { return try confinement.open(path, as: role) }
        do throws(SystemError) {
            return try Files.openDirectory(path)
        } catch {
            throw refusal(path, role, error)
        }
    }

    static func refusal(_ path: String, _ role: String, _ error: SystemError) -> Refusal {
        Refusal(
            .input,
            error.code == ENOTDIR
                ? "the \(role) \(path) is not a directory" : "cannot open the \(role) \(path): \(error.reason)")
    }

    /// Everything that pid 1 shall attach, as detached mounts with their final attributes, owners shown as
    /// `userNamespace` numbers them.
    consuming func mounts(
        without: [Measure], userNamespace: borrowing FileDescriptor
    ) throws(SystemError) -> HandedOver {
        var handed = HandedOver()
        let attributes = Self.attributes(without: without)
        handed.add(.root, try Self.mount(Directory(root), attributes, userNamespace))
        if needsSkeleton { handed.add(.skeleton, try Skeleton.make()) }
        while let code = code.next() {
            handed.add(.code, try Self.mount(Directory(code), attributes, userNamespace))
        }
        while let layer = layers.next() {
            handed.add(.layer, try Self.mount(Directory(layer), attributes, userNamespace))
        }
        handed.add(.devices, try Devices.make())
        return handed
    }

    private static func attributes(without: [Measure]) -> MountAttributes {
        var attributes: MountAttributes = .noDevices
        if !without.contains(.readOnly) { attributes = attributes | .readOnly }
        if !without.contains(.nosuid) { attributes = attributes | .noSetuid }
        return attributes
    }

    private static func mount(
        _ directory: Directory, _ attributes: MountAttributes, _ userNamespace: borrowing FileDescriptor
    ) throws(SystemError) -> FileDescriptor {
        let mount = try Mounts.clone(of: directory)
        try Mounts.setAttributes(attributes, of: mount, mappingOwnersBy: userNamespace)
        return mount
    }
}

/// Descriptors on their way to pid 1, each with what it is.
struct HandedOver: ~Copyable {
    private(set) var kinds: [Handed] = []
    private(set) var raws: [Int32] = []

    mutating func add(_ kind: Handed, _ descriptor: consuming FileDescriptor) {
        kinds.append(kind)
        raws.append(descriptor.release())
    }

    deinit {
        for raw in raws { _ = FileDescriptor(owning: raw) }
    }
}
