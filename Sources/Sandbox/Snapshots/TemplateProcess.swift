// What a template does: loads the snapshot, then gives birth whenever it is told to, until its keeper is gone.

import Glibc
import Linux
import Snapshot
import Wire

struct TemplateProcess: ~Copyable {
    private let name: String
    private let inputs: Inputs
    private let request: SandboxRequest
    private let foundations: Foundations
    private let channel: Int32

    init(
        _ name: String, _ inputs: consuming Inputs, _ request: SandboxRequest,
        _ foundations: Foundations, _ channel: Int32
    ) {
        self.name = name
        self.inputs = inputs
        self.request = request
        self.foundations = foundations
        self.channel = channel
    }

    private static let channelNumber: Int32 = 3

    consuming func run() -> Never {
        do throws(SystemError) {
            // Of all that the keeper has open: the channel, and the directories that the snapshot belongs to.
            try FileDescriptor.duplicate(channel, onto: Self.channelNumber, closeOnExec: true)
            FileDescriptor.closeAll(but: [Self.channelNumber] + inputs.numbers)
        } catch {
            _exit(1)
        }
        let socket = MessageSocket(raw: Self.channelNumber)
        do throws(Refusal) {
            Self.serve(try load(socket), foundations, socket)
        } catch {
            try? socket.send(TemplateMessage.refused(error).encoded())
        }
        _exit(0)
    }

    private borrowing func load(_ socket: borrowing MessageSocket) throws(Refusal) -> Restoration {
        Processes.hideArguments()
        // What is large goes back with its last reference: each sandbox would have it otherwise.
        Heap.keepLargeBlocksApart()
        let ceilings = Ceilings(memoryMB: request.memoryMB)
        let image = try foundations.openSnapshots().open(name, ceilings)
        let here = try inputs.binding()
        if let difference = here.difference(from: image.plan.binding) {
            throw Refusal(.snapshot, "the snapshot cannot be used here: \(difference)")
        }
        let user = InsideUser(user: Privileges.user, group: Privileges.group, closing: RestoreFilter.closing)
        let trees = try MountedTrees(inputs)
        let restoration = try Restoration(
            loading: image.plan, touched: image.touched, pages: image.pages, inside: user,
            ceilings: ceilings, failing: foundations.failingStep
        ) { path throws(SystemError) in try trees.open(path) }
        do throws(SystemError) {
            // What it holds beside its memory: the channel and, where they are needed again, the pages.
            try FileDescriptor.duplicate(image.pages.raw, onto: Restoration.pagesDescriptor)
            try socket.send(TemplateMessage.ready.encoded(), descriptors: [trees.raw])
            FileDescriptor.closeRange(from: Self.channelNumber + 1, through: Restoration.pagesDescriptor - 1)
            FileDescriptor.closeAll(from: Restoration.pagesDescriptor + 1)
            return restoration
        } catch {
            throw Refusal(.step, "make a template: \(error)")
        }
    }

    // MARK: births

    private static func serve(
        _ restoration: Restoration, _ foundations: Foundations, _ socket: borrowing MessageSocket
    ) {
        // What the plan took.
        Heap.giveBack()
        Heap.fillHoles()
        while case .message(let message)? = try? socket.receive() {
            guard case .birth(let request, let block)? = try? TemplateMessage(decoding: message.bytes) else { return }
            let descriptors = message.takeDescriptors()
            guard descriptors.count >= 2 else { return }
            do throws(SystemError) {
                try giveBirth(request, UserBlock(index: block), descriptors, restoration, foundations, socket)
            } catch {
                try? socket.send(TemplateMessage.refused(Refusal(.step, "give birth: \(error)")).encoded())
            }
        }
    }

    private static func giveBirth(
        _ request: SandboxRequest, _ block: UserBlock, _ descriptors: borrowing Descriptors,
        _ restoration: Restoration, _ foundations: Foundations, _ socket: borrowing MessageSocket
    ) throws(SystemError) {
        let plan = InsidePlan(
            request: request, hostName: block.groupName, filter: foundations.openingFilter,
            streams: Array(repeating: descriptors[0], count: 3), channel: descriptors[1], restoration: restoration)
        // As where a sandbox is born without a template: what it uses of the kernel's is counted to its own block.
        try Credentials.setEffectiveUser(block.base)
        defer { do throws(SystemError) { try Credentials.setEffectiveUser(0) } catch { _exit(1) } }
        // Time is set apart by pid 1, when it knows what the time shall be.
        switch try Processes.fork(
            into: [.user, .mount, .pid, .ipc, .hostName], group: descriptors.count > 2 ? descriptors[2] : nil,
            asSibling: true)
        {
        case .child: Inside.run(plan)
        case .parent(let pid, let handle):
            try socket.send(TemplateMessage.born(pid).encoded(), descriptors: [handle.raw])
        }
    }
}

/// The trees that a snapshot's processes had mapped files of, put together as in a sandbox, so that those files have the
/// paths that they had; and apart from the host's, so that no path of the host's shows in any process.
struct MountedTrees: ~Copyable {
    private let tree: FileDescriptor
    var raw: Int32 { tree.raw }

    /// The working directory is the stage. What is mounted there is seen by this process alone, and not for long.
    init(_ inputs: borrowing Inputs) throws(Refusal) {
        do throws(SystemError) {
            // Mounts can be copied only where they are: before this process has others.
            let root = try Mounts.clone(of: Directory(inputs.root))
            let code = try Self.copies(of: inputs.code.numbers)
            let layers = try Self.copies(of: inputs.layers.numbers)
            try Namespaces.mount.unshare()
            try Mounts.makeAllPrivate()
            let place = Workplace.newRoot
            try Mounts.attach(root, at: place)
            // Within the root, as a sandbox sees it: a link of the root's leads nowhere else.
            let inside = try Files.open(place, [.nameOnly, .directory])
            let task = try Files.openMountPoint("var/task", in: inside)
            try code.forEach { (_, code) throws(SystemError) in
                if task.count > 0 { try Mounts.attach(code, on: task[0]) }
            }
            let opt = try Files.openMountPoint("opt", in: inside)
            if opt.count > 0 { try Self.attach(layers, on: opt[0]) }
            let tree = try Mounts.cloneAll(of: place)
            try Mounts.detach(place)
            self.tree = tree
        } catch {
            throw Refusal(.step, "open the trees of the snapshot: \(error)")
        }
    }

    private static func copies(of directories: [Int32]) throws(SystemError) -> Descriptors {
        var copies = Descriptors(owning: [])
        for raw in directories { copies.add(try Mounts.clone(of: Directory(raw: raw))) }
        return copies
    }

    private static func attach(_ layers: borrowing Descriptors, on place: Int32) throws(SystemError) {
        let single = layers.count == 1
        try layers.forEach { (index, layer) throws(SystemError) in
            if single { return try Mounts.attach(layer, on: place) }
            try Mounts.attach(layer, at: Workplace.lower(index))
        }
        guard layers.count > 1 else { return }
        // The highest first: a later layer lies over an earlier one.
        let names = (0..<layers.count).reversed().map(Workplace.lower).joined(separator: ":")
        try Mounts.attach(try Mounts.make("overlay", ["lowerdir=\(names)"], attributes: .readOnly), on: place)
        for index in 0..<layers.count { try Mounts.detach(Workplace.lower(index)) }
    }

    borrowing func open(_ path: String) throws(SystemError) -> FileDescriptor {
        try Files.open(String(path.dropFirst()), beneath: Directory(tree))
    }
}
