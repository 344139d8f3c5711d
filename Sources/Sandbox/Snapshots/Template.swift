// A template: a process that has the memory of a snapshot at its place in its own, and does nothing but give birth to
// sandboxes. Their pid 1 has that memory from it, and so has what is restored in them, without a page being copied until
// somebody writes to it. It is real anonymous memory: what a program may do with its memory, a clone may.
//
// One for each snapshot that sandboxes are made from; a fork of the warden, and as privileged as that. It never runs or
// reads what it holds.

import Glibc
import Linux
import Snapshot
package import Wire

package final class Template {
    package let name: String
    private let pid: Int32
    private var hasEnded = false
    let process: FileDescriptor
    let channel: MessageSocket
    /// Shared with all that were born from it.
    private(set) var trees: HeldTrees?
    package private(set) var isReady = false
    /// It does not do what it is there for, and nothing more is to be asked of it.
    package private(set) var isLost = false
    /// When it should have loaded its snapshot, on the monotonic clock; nothing when it has.
    package var latest: UInt64? { isReady ? nil : latestReady }
    private let latestReady = Clock.now + Template.longestLoad * 1_000_000_000
    private let request: SandboxRequest
    private let group: WorkGroup

    /// Whom it makes for: descriptors to watch.
    package var watched: (channel: Int32, process: Int32) { (channel.raw, process.raw) }

    /// Forks it; when it has loaded the snapshot it says so.
    /// - Parameter request: one of those that it will make; all name the same directories
    package init(
        _ name: String, _ request: SandboxRequest, _ foundations: Foundations
    ) throws(Refusal) {
        guard foundations.hasSnapshot(name) else { throw Refusal(.snapshot, "there is no snapshot \(name)") }
        let inputs = try Inputs(request, within: foundations.confinement)
        self.name = name
        self.request = request
        do throws(SystemError) {
            let ends = try MessageSocket.pair()
            channel = MessageSocket(raw: ends.here)
            // The child's own: here it is closed when there is a child or none, and in the child never.
            let there = ends.there
            let fork: Processes.Fork
            do throws(SystemError) {
                group = try WorkGroup(
                    .template, memoryBytes: WorkMemory.copying(request), pids: Self.mostBirths,
                    waived: request.waived, foundations)
                fork = try group.fork()
            } catch {
                _ = FileDescriptor(owning: there)
                throw error
            }
            switch consume fork {
            case .child:
                TemplateProcess(name, inputs, request, foundations, there).run()
            case .parent(let pid, let handle):
                self.pid = pid
                process = handle
                _ = FileDescriptor(owning: there)
            }
        } catch {
            throw Refusal(.step, "make a template: \(error)")
        }
    }

    deinit { end() }

    private func end() {
        if hasEnded { return }
        hasEnded = true
        try? Processes.signal(SIGKILL, to: process)
        _ = try? Processes.wait(for: pid)
    }

    /// Ends one that did not answer, and what it may have given birth to in this group without saying so: that is a child
    /// of ours, and nobody else would wait for it.
    func end(withChildIn group: String) {
        end()
        for child in StoppedProcesses.children(of: getpid()) {
            // Held before it is looked at: what is ended is what was seen.
            guard let handle = try? Processes.open(child), let groups = try? Files.readText("/proc/\(child)/cgroup"),
                groups.split(separator: "\n").contains(where: { $0.hasSuffix("/\(group)") })
            else { continue }
            try? Processes.signal(SIGKILL, to: handle)
            _ = try? Processes.wait(for: child)
        }
    }

    /// What it has to say about its loading: nil as long as it has not.
    package func hear() -> Result<Void, Refusal>? {
        guard let reception = try? channel.receive(block: false, limit: TemplateMessage.longest) else {
            return .failure(gone)
        }
        switch consume reception {
        case .nothing: return nil
        case .closed: return .failure(gone)
        case .message(var message):
            switch try? TemplateMessage(decoding: message.bytes) {
            case .ready?:
                guard let tree = message.descriptors.next() else { return .failure(gone) }
                trees = HeldTrees(tree)
                isReady = true
                return widened()
            case .refused(let refusal)?: return .failure(refusal)
            default: return .failure(gone)
            }
        }
    }

    private var gone: Refusal { Refusal(.snapshot, group.shortage ?? "the template has ended") }

    /// It reads nothing of others from now on. What the kernel needs for the sandboxes that it makes is charged to it.
    private func widened() -> Result<Void, Refusal> {
        let tables = Self.tables(of: pid)
        do throws(SystemError) {
            try group.widen(
                to: WorkMemory.copying(request) + WorkMemory.making(UInt64(Self.mostSandboxes), tables: tables))
            return .success(())
        } catch {
            return .failure(Refusal(.limit, "widen the limit of a template: \(error)"))
        }
    }

    /// As many as a keeper keeps.
    package static let mostSandboxes = 4096
    /// Those that have not joined their own group yet, with the template itself.
    private static let mostBirths: UInt64 = 4096

    /// How long a process's tables of pages are.
    private static func tables(of pid: Int32) -> UInt64 {
        guard let text = try? Files.read("/proc/\(pid)/status", limit: 8192) else { return 0 }
        let line = text.split(separator: 10).first { $0.starts(with: Array("VmPTE:".utf8)) }
        return (line.flatMap { KernelText.number(Array($0.filter { $0 >= 48 && $0 <= 57 })[...]) } ?? 0) << 10
    }

    /// What was loaded belongs to these directories, and to no others.
    package func serves(_ other: SandboxRequest) -> Bool {
        other.root == request.root && other.code == request.code && other.layers == request.layers
    }

    /// A pid 1 in namespaces of its own, born into the group. It is a child of ours, not of the template.
    func giveBirth(
        _ request: SandboxRequest, _ block: UserBlock, null: Int32, channel end: Int32,
        group: borrowing FileDescriptor?
    ) throws(SystemError) -> Processes.Fork {
        var raws = [null, end]
        switch group {
        case .some(let group): raws.append(group.raw)
        case .none: break
        }
        do throws(SystemError) {
            let message = TemplateMessage.birth(request, block: block.index).encoded()
            try channel.send(message, descriptors: raws, block: false)
            guard try channel.awaitMessage(milliseconds: Self.longestBirth) else { throw lost("does not answer") }
            guard case .message(var answer) = try channel.receive(block: false, limit: TemplateMessage.longest) else {
                throw lost("has ended")
            }
            switch try? TemplateMessage(decoding: answer.bytes) {
            case .born(let pid)?:
                guard let handle = answer.descriptors.next() else { throw lost("has forgotten the child") }
                return .parent(pid: pid, handle: handle)
            case .refused(let refusal)?: throw unborn("cannot: \(refusal.message)", ECANCELED)
            default: throw lost("says something else")
            }
        } catch {
            // Whatever else goes wrong, an answer may yet come, and be taken for that to another question.
            if error.code != ECANCELED { isLost = true }
            throw error
        }
    }

    private func lost(_ what: String) -> SystemError { unborn(what, ETIMEDOUT) }

    private func unborn(_ what: String, _ code: Int32) -> SystemError {
        SystemError(call: "ask", subject: "the template of \(name), which \(what)", code: code)
    }

    /// Seconds: a large image from a slow disk.
    private static let longestLoad: UInt64 = 60
    /// Milliseconds, of a fork: nothing else is done meanwhile.
    private static let longestBirth: Int32 = 2000
}

/// The trees that a snapshot's files were mapped from. Once nobody holds them they fall apart, and what is mapped has lost
/// its path; so each sandbox that was born from a template holds them too, for a template may go first.
final class HeldTrees {
    private let tree: FileDescriptor
    init(_ tree: consuming FileDescriptor) { self.tree = tree }
}

/// What a keeper and a template say to each other.
enum TemplateMessage {
    /// Comes with the trees.
    case ready
    case refused(Refusal)
    /// Comes with /dev/null, the end of the channel, and the group if there is one.
    case birth(SandboxRequest, block: UInt32)
    /// Comes with a pidfd.
    case born(Int32)

    static let longest = MessageSocket.longest

    func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .ready: encoder.put(UInt8(1))
        case .refused(let refusal):
            encoder.put(UInt8(2))
            refusal.encode(into: &encoder)
        case .birth(let request, let block):
            encoder.put(UInt8(3))
            encoder.put(block)
            request.encode(into: &encoder)
        case .born(let pid):
            encoder.put(UInt8(4))
            encoder.put(pid)
        }
        return encoder.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .ready
        case 2: self = .refused(try Refusal(from: &decoder))
        case 3:
            let block: UInt32 = try decoder.integer()
            self = .birth(try SandboxRequest(from: &decoder), block: block)
        case 4: self = .born(try decoder.integer())
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}
