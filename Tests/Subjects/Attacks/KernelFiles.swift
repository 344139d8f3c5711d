// The kernel's files: what /proc and /sys say about the host, and what can be set there. What is written is what was
// read.

internal import CAttacks
import Glibc

extension Attack {
    static let kernelFiles: [Attack] = [
        reading("keys-read", "/proc/keys", "who has which keys"),
        reading("timers-read", "/proc/timer_list", "every timer on the host, with addresses"),
        reading("memory-map-read", "/proc/vmallocinfo", "where the kernel's memory lies"),
        reading("slabs-read", "/proc/slabinfo", "what the kernel keeps how many of"),
        reading("page-flags-read", "/proc/kpageflags", "every page on the host"),
        reading("kernel-memory-read", "/proc/kcore", "all memory", needs: [.machine]),
        // Which of them a kernel has is its own choice.
        readingAny(
            "memory-statistics-read", ["/proc/vmstat", "/proc/zoneinfo", "/proc/buddyinfo"],
            "what the host's memory does, event by event"),
        readingAny("pressure-read", ["/proc/pressure/cpu", "/proc/schedstat"], "how others make the host wait"),
        readingAny("configuration-read", ["/proc/config.gz", "/proc/modules"], "what the kernel is made of"),
        Attack("boot-identity-read", "Reads the number that all sandboxes of a host would have in common.", .outside) {
            stage in
            try seek(stage.text("boot"), at: "/proc/sys/kernel/random/boot_id")
        },
        Attack(
            "audit-identity-written", "Chooses the name that the host's audit log knows it by.", .without([.procMasks])
        ) {
            _ in
            let file = openFile("/proc/self/loginuid", O_WRONLY)
            guard file >= 0 else { return try judge("opening it", file, held: Reasons.absent) }
            let own = "\(getuid())"
            return try judge(
                "choosing a name", call(__NR_write, file, own, own.utf8.count), held: Reasons.refused)
        },
        Attack(
            "host-paths-seen", "Learns from the table of mounts where the host keeps what is mounted.",
            .without([.ownInodes])
        ) { stage in
            try seek(stage.text("place"), at: "/proc/self/mountinfo")
        },
        Attack("kernel-log-opened", "Opens /proc/kmsg, and takes the kernel's log from whoever reads it.", .outside) {
            _ in
            try judgeOpening("/proc/kmsg")
        },
        Attack("symbols-read", "Reads the addresses of the kernel's functions.", .outside) { _ in
            switch contents(of: "/proc/kallsyms") {
            case .failure(let reason): return .held("/proc/kallsyms: \(reason)")
            case .success(let lines):
                let shown = lines.split(separator: "\n").first { !$0.hasPrefix("0000000000000000") }
                return shown.map { .through(String($0)) } ?? .held("/proc/kallsyms: every address is hidden")
            }
        },
        Attack("devices-listed", "Lists the host's devices and modules in /sys.", .outside) { _ in
            let found = ["/sys/class", "/sys/kernel", "/sys/module"].first { !names(in: $0).isEmpty }
            return found.map { .through("\($0) can be listed") } ?? .held("/sys is empty")
        },
        rewriting(
            "core-pattern-written", "/proc/sys/kernel/core_pattern", "the program that root runs when one crashes"),
        rewriting("hotplug-written", "/proc/sys/kernel/poweroff_cmd", "the program that root runs to power off"),
        rewriting("modprobe-written", "/proc/sys/kernel/modprobe", "the program that loads modules", needs: [.machine]),
        rewriting("overcommit-written", "/proc/sys/vm/overcommit_memory", "how the host gives memory"),
        rewriting(
            "network-setting-written", "/proc/sys/net/ipv4/ip_forward", "whether the network is a router",
            .without([.procMasks, .capabilities])),
        rewriting("interrupt-moved", "/proc/irq/default_smp_affinity", "which processor is interrupted"),
        Attack(
            "system-request", "Opens /proc/sysrq-trigger to write: one letter there crashes the host.", .outside,
            needs: [.machine]
        ) { _ in try judgeOpening("/proc/sysrq-trigger", O_WRONLY) },
        Attack("cgroup-joined", "Opens a control group's list of members to write.", .outside) { _ in
            try onCgroups(named: "cgroup.procs")
        },
        Attack(
            "cgroup-limit-written", "Opens the limits of a control group to write, its own or another's.", .outside
        ) { _ in
            try first(of: ["cgroup.freeze", "cgroup.max.depth", "memory.limit_in_bytes", "pids.max"]) {
                try onCgroups(named: $0)
            }
        },
        Attack(
            "release-agent-written",
            "Mounts a hierarchy of control groups and opens its release agent, a program of the host's root (CVE-2022-0492).",
            .outside(unshare: ["--mount"])
        ) { _ in
            let place = try scratchDirectory()
            let mounted = call(__NR_mount, "cgroup", place, "cgroup", 0, "none,name=martlet-attack")
            guard mounted == 0 else { return try judge("mounting control groups", mounted) }
            defer { _ = call(__NR_umount2, place, 0) }
            return try judgeOpening("\(place)/release_agent", O_WRONLY)
        },
    ]

    private static func reading(
        _ name: String, _ path: String, _ what: String, needs: [Need] = []
    ) -> Attack {
        Attack(name, "Reads \(path): \(what).", .outside, needs: needs) { _ in
            switch contents(of: path) {
            case .success(""): .held("\(path) is empty")
            case .success: .through("read \(path)")
            case .failure(let reason): try judge("reading \(path)", -Int(reason.code), held: Reasons.absent)
            }
        }
    }

    private static func readingAny(_ name: String, _ paths: [String], _ what: String) -> Attack {
        Attack(name, "Reads \(paths.joined(separator: ", ")): \(what).", .outside) { _ in
            try first(of: paths) { path in
                switch contents(of: path) {
                case .success(""): .held("\(path) is empty")
                case .success: .through("read \(path)")
                case .failure(let reason): try judge("reading \(path)", -Int(reason.code), held: Reasons.absent)
                }
            }
        }
    }

    private static func rewriting(
        _ name: String, _ path: String, _ what: String, _ control: Control = .outside, needs: [Need] = []
    ) -> Attack {
        Attack(name, "Writes \(path): \(what).", control, needs: needs) { _ in try judgeRewriting(path) }
    }

    /// Every place where control groups are mounted, and one level below.
    private static func onCgroups(named file: String) throws -> Finding {
        let roots = ["/sys/fs/cgroup"] + names(in: "/sys/fs/cgroup").map { "/sys/fs/cgroup/\($0)" }
        return try first(of: roots + roots.flatMap { root in names(in: root).map { "\(root)/\($0)" } }) {
            try judgeOpening("\($0)/\(file)", O_WRONLY)
        }
    }
}
