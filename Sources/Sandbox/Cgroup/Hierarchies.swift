// Where the cgroups of this host are, and which of them the engine may use: the cgroup2 tree, and for each controller
// that is still bound to cgroup v1 the tree of that controller. Found by reading two files of /proc; pure but for that.

package import Linux
package import Wire

package struct Hierarchies: Equatable, Sendable {
    /// A directory in a cgroup file system: the group that sandboxes are made below.
    package typealias Parent = String

    package var unified: Parent?
    /// The controllers that the cgroup2 tree offers at the parent.
    package var unifiedControllers: [String] = []
    package var legacy = [:] as PerLimit

    package init(unified: Parent?, unifiedControllers: [String], legacy: PerLimit) {
        self.unified = unified
        self.unifiedControllers = unifiedControllers
        self.legacy = legacy
    }

    /// - Parameters:
    ///   - mounts: the text of /proc/self/mountinfo
    ///   - membership: the text of /proc/self/cgroup
    ///   - named: a group the operator chose instead of the caller's own, the same in every hierarchy
    package init(mounts: String, membership: String, named: String?) {
        let own = Membership(membership)
        for mount in MountInfo.parse(mounts, type: "cgroup") {
            func parent(_ controller: String) -> Parent? {
                (named ?? own.group(of: controller)).flatMap { mount.path(of: $0) }
            }
            switch mount.type {
            case "cgroup2" where unified == nil:
                unified = parent("")
            case "cgroup":
                for limit in Limit.allCases where mount.superOptions.contains(limit.rawValue) {
                    legacy[limit] = legacy[limit] ?? parent(limit.rawValue)
                }
            default: break
            }
        }
    }

    /// Where nearly every host has its hierarchies, looked at directly: a start waits for this, and the table of mounts
    /// is long. Nil when they are not there, or show only a part of the tree.
    private init?(membership: String, named: String?) {
        let own = Membership(membership)
        func parent(_ mount: String, _ kind: UInt64, _ controller: String) -> Parent? {
            guard (try? Files.space(at: mount))?.type == kind, let group = named ?? own.group(of: controller)
            else { return nil }
            return group == "/" ? mount : mount + group
        }
        let root = "/sys/fs/cgroup"
        unified = parent(root, Self.version2, "") ?? parent("\(root)/unified", Self.version2, "")
        for limit in Limit.allCases {
            legacy[limit] = parent("\(root)/\(limit.rawValue)", Self.version1, limit.rawValue)
        }
        guard let unified, ([unified] + legacy.distinct).allSatisfy({ Files.exists($0) }) else { return nil }
    }

    private static let version1: UInt64 = 0x27_e0eb
    private static let version2: UInt64 = 0x6367_7270

    /// This host's, with the controllers that the cgroup2 parent has.
    package static func find(named: String?) throws(SystemError) -> Hierarchies {
        let membership = try Files.readText("/proc/self/cgroup")
        var found: Hierarchies
        if let usual = Hierarchies(membership: membership, named: named) {
            found = usual
        } else {
            found = Hierarchies(
                mounts: try Files.readText("/proc/self/mountinfo"), membership: membership, named: named)
        }
        if let parent = found.unified,
            let text = try? Files.read("\(parent)/cgroup.controllers", limit: 4096)
        {
            found.unifiedControllers = KernelText.words(text)
        }
        return found
    }

    package enum Place: Equatable, Sendable {
        case unified, legacy(Parent), nowhere
    }

    package func place(of limit: Limit) -> Place {
        if unifiedControllers.contains(limit.rawValue) { return .unified }
        return legacy[limit].map { .legacy($0) } ?? .nowhere
    }
}

/// Which group of each hierarchy the caller is in.
struct Membership {
    private let text: [UInt8]

    /// - Parameter text: that of /proc/self/cgroup
    init(_ text: String) { self.text = Array(text.utf8) }

    /// The empty name is cgroup v2's. Looked for byte by byte, because a start waits for it.
    func group(of controller: String) -> String? {
        var rest = text[...]
        while !rest.isEmpty {
            // 4:memory:/a/b     3:cpu,cpuacct:/     0::/a/b
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[line.endIndex...].dropFirst()
            guard let first = line.firstIndex(of: UInt8(ascii: ":")),
                let second = line[(first + 1)...].firstIndex(of: UInt8(ascii: ":"))
            else { continue }
            if Self.list(line[(first + 1)..<second], has: controller) {
                return String(decoding: line[(second + 1)...], as: UTF8.self)
            }
        }
        return nil
    }

    private static func list(_ list: ArraySlice<UInt8>, has name: String) -> Bool {
        var rest = list
        while true {
            let one = rest.prefix { $0 != UInt8(ascii: ",") }
            if one.elementsEqual(name.utf8) { return true }
            if one.endIndex == list.endIndex { return false }
            rest = rest[(one.endIndex + 1)...]
        }
    }
}

/// A line of /proc/self/mountinfo.
package struct MountInfo: Equatable, Sendable {
    package let root, point, type: String
    package let superOptions: [String]

    /// The mounts of `text` whose type begins with `prefix`. Works on bytes: a host may have thousands of mounts, and a
    /// start waits for this.
    package static func parse(_ text: String, type prefix: String) -> [MountInfo] {
        text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
            // 25 1 0:22 /root /point rw shared:1 - type source options
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let dash = fields.dropFirst(6).firstIndex(where: { $0.elementsEqual("-".utf8) }),
                fields.count >= dash + 4, fields[dash + 1].starts(with: prefix.utf8)
            else { return nil }
            return MountInfo(
                root: String(Substring(fields[3])), point: String(Substring(fields[4])),
                type: String(Substring(fields[dash + 1])),
                superOptions: fields[dash + 3].split(separator: UInt8(ascii: ",")).map { String(Substring($0)) })
        }
    }

    /// The directory of a group, given its path in the hierarchy: the mount may show only a part of it.
    func path(of group: String) -> String? {
        let inside: Substring
        if root == "/" {
            inside = Substring(group)
        } else if group == root || group.hasPrefix(root + "/") {
            inside = group.dropFirst(root.count)
        } else {
            return nil
        }
        let trimmed = inside.hasSuffix("/") ? inside.dropLast() : inside
        return point + trimmed
    }
}
