// Isolation by attack, in clones: what is held in a sandbox that was made for a program is held in one that a process was
// restored in, by that process itself. And what the kernel says of a clone is what it says of the process that was
// captured.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite("isolation of clones by attack", Staged(), .serialized, .enabled(if: Binaries.isRoot, "needs root"))
struct RestoredIsolationTests {
    @Test("the whole corpus is held in clones")
    func held() throws {
        let stage = Stage.current!
        let clones = try Clones(on: stage)
        for attack in Corpus.all where attack.isPossibleInClones {
            do {
                let verdict = try clones.run(attack, aims: stage.aims)
                #expect(verdict.isHeld, "\(attack.name) \(verdict)")
            } catch {
                Issue.record("\(attack.name): \(error)")
            }
        }
    }

    @Test("a clone is held off by its sibling")
    func heldOffSibling() throws {
        let stage = Stage.current!
        let clones = try Clones(on: stage)
        let victim = try clones.clone()
        let sibling = try clones.newest()
        let aims = stage.aims.filter { !$0.hasPrefix("pid=") } + ["pid=\(sibling.own)"]
        for attack in Corpus.atNeighbours where attack.isPossibleInClones {
            let verdict = try clones.run(attack, aims: aims, beside: [sibling.own])
            #expect(verdict.isHeld, "\(attack.name) \(verdict)")
        }
        try clones.end(victim)
    }
}

extension Clones {
    /// Pid 1 of a sandbox and what runs under it, by their numbers on the host.
    func newest() throws -> (guardian: Int32, own: Int32) {
        // The newest pid 1 below the warden that has a child.
        for pid in HostProcesses.descendants(of: warden.pid).reversed() {
            let inside = HostProcesses.status("NSpid", of: "/proc/\(pid)")?.split(separator: "\t") ?? []
            guard inside.count == 2, inside[1] == "1" else { continue }
            if let own = HostProcesses.descendants(of: pid).first { return (pid, own) }
        }
        throw Program.Failure(description: "no process is found")
    }
}

extension Attack {
    /// The streams of a clone are the pipes that its logs come through: there is no terminal that it could have.
    var isPossibleInClones: Bool { !needs.contains("terminal") }
}

@Suite("what the kernel says of clones", Staged(), .serialized, .enabled(if: Binaries.isRoot, "needs root"))
struct RestoredProcessTests {
    private struct Pair {
        let clones: Clones
        let cold: (guardian: Int32, own: Int32)
        let clone: (guardian: Int32, own: Int32)
        let restored: Clones.Clone
    }

    private func pair() throws -> Pair {
        let clones = try Clones(on: Stage.current!)
        let cold = try clones.newest()
        let restored = try clones.clone()
        let clone = try clones.newest()
        try #require(cold.own != clone.own && cold.guardian != clone.guardian)
        return Pair(clones: clones, cold: cold, clone: clone, restored: restored)
    }

    private static let stands = [
        "Name", "Umask", "NSpid", "NSpgid", "NSsid", "Threads", "NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff",
        "CapBnd", "CapAmb", "SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CoreDumping", "TracerPid",
        "Speculation_Store_Bypass", "untag_mask",
    ]

    private func inside(_ key: String, _ pid: Int32) -> String {
        let value = HostProcesses.status(key, of: "/proc/\(pid)") ?? "none"
        // The first number of a process is the host's.
        if key.hasPrefix("NS") { return value.split(separator: "\t").dropFirst().joined(separator: " ") }
        return key == "SigQ" ? String(value.split(separator: "/").last ?? "") : value
    }

    @Test("its status is that of the one that was captured, and of its pid 1 too")
    func status() throws {
        let pair = try pair()
        for (cold, clone) in [(pair.cold.own, pair.clone.own), (pair.cold.guardian, pair.clone.guardian)] {
            for key in Self.stands {
                #expect(inside(key, cold) == inside(key, clone), "\(key)")
            }
            for key in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(inside(key, clone) == "0000000000000000", "\(key)")
            }
            #expect(inside("Seccomp", clone) == "2" && inside("NoNewPrivs", clone) == "1")
            // Users as they are inside: their distance from where the block of the sandbox begins.
            for key in ["Uid", "Gid", "Groups"] {
                #expect(users(key, cold) == users(key, clone), "\(key)")
            }
        }
    }

    private func users(_ key: String, _ pid: Int32) -> [Int] {
        let map = HostProcesses.text("/proc/\(pid)/uid_map") ?? ""
        let base = map.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
        let numbers = HostProcesses.status(key, of: "/proc/\(pid)")?.split(whereSeparator: \.isWhitespace) ?? []
        return numbers.compactMap { Int($0) }.map { $0 - base }
    }

    @Test("its limits, its place and its score are those of the one that was captured")
    func limits() throws {
        let pair = try pair()
        for (cold, clone) in [(pair.cold.own, pair.clone.own), (pair.cold.guardian, pair.clone.guardian)] {
            for file in ["limits", "oom_score_adj", "personality", "coredump_filter", "comm", "cmdline"] {
                let texts = [cold, clone].map { HostProcesses.text("/proc/\($0)/\(file)") ?? "none" }
                #expect(texts[0] == texts[1], "\(file)")
            }
        }
        for link in ["cwd", "root", "exe"] {
            let links = try [pair.cold.own, pair.clone.own].map { try Files.readLink("/proc/\($0)/\(link)") }
            #expect(links[0] == links[1], "\(link)")
        }
        // In a group of its own, of the same making.
        let groups = [pair.cold.own, pair.clone.own].map { HostProcesses.text("/proc/\($0)/cgroup") ?? "" }
        let names = groups.map { $0.split(separator: "\n").map { $0.prefix { $0 != "/" } } }
        #expect(names[0] == names[1] && groups[0] != groups[1])
        #expect(groups[1].split(separator: "\n").contains { $0.contains("/martlet-") })
    }

    @Test("each of its namespaces is its own")
    func namespaces() throws {
        let pair = try pair()
        let names = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]
        for name in names {
            let all = try [getpid(), pair.cold.own, pair.clone.own].map { try Files.readLink("/proc/\($0)/ns/\(name)") }
            #expect(Set(all).count == 3, "\(name): \(all)")
            if name != "time" {
                // Pid 1 sets time apart for its children alone.
                #expect(try Files.readLink("/proc/\(pair.clone.guardian)/ns/\(name)") == all[2], "\(name)")
            }
        }
    }

    @Test("it has the descriptors of the one that was captured, and so has its pid 1")
    func descriptors() throws {
        let pair = try pair()
        func kinds(_ pid: Int32) throws -> [String] {
            try HostFiles.names(in: "/proc/\(pid)/fd").compactMap { Int32($0) }.sorted().map { number in
                let link = try Files.readLink("/proc/\(pid)/fd/\(number)")
                return "\(number) \(link.prefix { $0 != ":" })"
            }
        }
        #expect(try kinds(pair.cold.own) == kinds(pair.clone.own))
        // What its pid 1 has more of than another's is what tells it of the restore, and its clones have none of it.
        let (cold, clone) = (try kinds(pair.cold.guardian), try kinds(pair.clone.guardian))
        #expect(Set(clone.map(kind)).subtracting(cold.map(kind)).isSubset(of: ["anon_inode"]), "\(cold) \(clone)")
        #expect(clone.count <= cold.count + 1, "\(cold) \(clone)")
        for number in HostFiles.names(in: "/proc/\(pair.clone.guardian)/fd") {
            let link = try Files.readLink("/proc/\(pair.clone.guardian)/fd/\(number)")
            #expect(!link.hasPrefix("/") || link == "/dev/null", "\(number): \(link)")
        }
    }

    private func kind(_ text: String) -> String { String(text.drop { $0 != " " }.dropFirst()) }

    @Test("nobody inside may look into its pid 1")
    func notDumpable() throws {
        let pair = try pair()
        for guardian in [pair.cold.guardian, pair.clone.guardian] {
            var about = stat()
            try #require(unsafe stat("/proc/\(guardian)/fd", &about) == 0)
            #expect(about.st_uid == 0, "its files are not root's")
        }
    }

    @Test("its memory is that of the one that was captured, and what the restorer leaves")
    func memory() throws {
        let pair = try pair()
        let (cold, clone) = (try Memory(of: pair.cold.own), try Memory(of: pair.clone.own))
        let more = clone.places.subtracting(cold.places).sorted()
        #expect(cold.places.subtracting(clone.places).isEmpty)
        // Its code, which may not be written to, and the frames of the threads.
        #expect(more.count == 2 && more[0].hasSuffix("r-xp") && more[1].hasSuffix("rw-p"), "\(more)")
        let extra = clone.regions.filter { more.contains($0.place) }
        #expect(extra.allSatisfy { $0.range.lowerBound >> 32 == 0x3700 && $0.range.count <= 16 << 10 }, "\(extra)")
        #expect(clone.regions.subtracting(extra) == cold.regions)
    }

    @Test("nothing of the warden's memory is in it")
    func nothingOfTheWarden() throws {
        let pair = try pair()
        let word = Array(pair.clones.run.utf8)
        // It is there to be found where it may be.
        #expect(try Memory(of: pair.clones.warden.pid).finds(word))
        #expect(try Memory(of: pair.clone.guardian).finds(word), "pid 1 is a child of the warden's")
        #expect(try Memory(of: pair.clone.own).places(of: word).isEmpty)
        #expect(try Memory(of: pair.clone.own).places(of: Array("martlet-warden".utf8)).isEmpty)
    }
}
