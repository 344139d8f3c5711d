// What an attack is, and the table of all of them. The tests read this table (`attacks list`) and hold nothing of it
// themselves: a new attack is one new row in a file of its theme.

import Glibc

/// How an attack is shown to be able to succeed. Without that it proves nothing that it fails in the sandbox.
enum Control: CustomStringConvertible {
    /// As root on the host, with no isolation at all; `unshare` names what is made new for it so that no harm is done.
    case outside(unshare: [String] = [])
    /// As root on the host, below an ordinary chroot.
    case chrooted
    /// In the sandbox, with these measures taken away.
    case without([Measure])
    /// In the sandbox, with a limit waived.
    case waiving(String)

    static var outside: Control { .outside() }

    var description: String {
        switch self {
        case .outside(let namespaces): (["outside"] + namespaces).joined(separator: " ")
        case .chrooted: "chrooted"
        case .without(let measures): (["without"] + measures.map(\.rawValue)).joined(separator: " ")
        case .waiving(let limit): "waiving \(limit)"
        }
    }
}

/// The names under which `martlet exec --without` knows its measures.
enum Measure: String {
    case seccomp, capabilities, nosuid
    case noNewPrivileges = "no-new-privileges"
    case networkNamespace = "network-namespace"
    case ipcNamespace = "ipc-namespace"
    case hostNameNamespace = "host-name-namespace"
    case cgroupNamespace = "cgroup-namespace"
    case namespaceLimits = "namespace-limits"
    case ownInodes = "own-inodes"
    case readOnly = "read-only"
    case procMasks = "proc-masks"
    case closedDescriptors = "closed-descriptors"
}

/// What an attack wants from whoever runs it.
enum Need: String {
    /// Limits around it: it takes all it can get, up to a bound of its own.
    case limits
    /// A controlling terminal.
    case terminal
    /// A whole machine: kernel features that a small kernel leaves out, a root that lacks no capability, a disk that may be
    /// opened. Its control is only run in the tests' virtual machine.
    case machine
}

struct Attack: Sendable {
    typealias Body = @Sendable (Stage) throws -> Finding

    let name: String
    /// One sentence: what is tried, and why it would matter if that is not plain.
    let tries: String
    let control: Control
    let needs: [Need]
    /// Further options of `martlet exec`.
    let options: [String]
    /// Exit statuses of `martlet exec` that mean that it was held, beside the attack's own word.
    let endings: [Int]
    let body: Body

    init(
        _ name: String, _ tries: String, _ control: Control, needs: [Need] = [], options: [String] = [],
        endings: [Int] = [], body: @escaping Body
    ) {
        self.name = name
        self.tries = tries
        self.control = control
        self.needs = needs
        self.options = options
        self.endings = endings
        self.body = body
    }

    static let themes: [(name: String, attacks: [Attack])] = [
        ("host files", hostFiles), ("own files", ownFiles), ("shared inodes", sharedInodes), ("processes", processes),
        ("mounts", mounts),
        ("namespaces", namespaces), ("sockets", sockets), ("kernel calls", kernelCalls),
        ("kernel files", kernelFiles), ("privilege", privilege), ("devices", devices), ("resources", resources),
        ("escapees", escapees),
    ]

    static let all = themes.flatMap(\.attacks)

    /// One line of `attacks list`.
    func row(theme: String) -> String {
        let lists = [needs.map(\.rawValue), options, endings.map(String.init)]
        let columns = [name, theme, "\(control)"] + lists.map { $0.joined(separator: " ") } + [tries]
        return columns.joined(separator: "\t")
    }
}

/// What the harness has made ready on the host for the attacks to aim at, passed as `key=value`.
struct Stage {
    let values: [String: String]

    init(_ arguments: some Sequence<String>) {
        let pairs = arguments.compactMap { argument -> (String, String)? in
            let halves = argument.split(separator: "=", maxSplits: 1)
            return halves.count == 2 ? (String(halves[0]), String(halves[1])) : nil
        }
        values = Dictionary(pairs, uniquingKeysWith: { $1 })
    }

    func text(_ key: String) throws -> String {
        guard let value = values[key] else { throw Broken("the harness did not say what `\(key)` is") }
        return value
    }

    func number(_ key: String) throws -> Int {
        guard let value = Int(try text(key)) else { throw Broken("`\(key)` is not a number") }
        return value
    }

    /// Stands in everything of the host's that an attack might read: a file, a process's memory, a segment.
    var token: String { get throws { try text("token") } }
    var secret: String { get throws { try text("secret") } }
    var victim: Int { get throws { try number("pid") } }

    /// The first process id namespace has a number that is part of the kernel's interface.
    var isInOwnPidNamespace: Bool {
        guard let own = target(of: "/proc/self/ns/pid") else { return false }
        return own != "pid:[4026531836]"
    }

    /// Processes that are not the attack's own: the victim and, in a sandbox, whatever can be seen there. Outside, all
    /// the others belong to somebody.
    var others: [Int] {
        get throws {
            let seen = isInOwnPidNamespace ? names(in: "/proc").compactMap { Int($0) } : []
            return [try victim] + seen.filter { $0 != Int(getpid()) }
        }
    }
}
