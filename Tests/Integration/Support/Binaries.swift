// Where the built programs are: in the directory that MARTLET_BIN names, or in the package's own build directory. The
// tests drive these and not code that is linked into them.

import Glibc

package enum Binaries {
    package static let martlet = path(of: "martlet")
    package static let warden = path(of: "martlet-warden")
    package static let attacks = path(of: "attacks")
    package static let zoo = path(of: "zoo")
    package static let staticC = path(of: "static-c")

    /// Tests of isolation need the right to take rights away.
    package static let isRoot = geteuid() == 0

    /// Set in the machine that the tests may do harm to: its kernel has more features, and it is thrown away.
    package static let isInTestMachine = environment("MARTLET_TEST_VM") == "1"

    /// How many times longer things may take on this machine: what every limit of a wait is multiplied by.
    package static var patience: Int { MachineSpeed.slowness }

    /// What tells the engine where its places are, passed on to every martlet that a test starts.
    package static let engineEnvironment: [String: String] = {
        var passed: [String: String] = [:]
        for name in ["MARTLET_STATE", "MARTLET_RUN", "MARTLET_CGROUP"] { passed[name] = environment(name) }
        return passed
    }()

    package static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    package static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    private static func path(of name: String) -> String {
        if let directory = environment("MARTLET_BIN") { return "\(directory)/\(name)" }
        // This file stands three directories below the package.
        let package = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let builds = ["release", "debug"].map { "/\(package)/.build/\($0)/\(name)" }
        return builds.first(where: isExecutable) ?? builds[0]
    }
}
