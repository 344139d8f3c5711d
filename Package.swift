// swift-tools-version: 6.2
import PackageDescription

// Sanitizers and coverage need the dynamic runtime, which a static executable cannot have: MARTLET_DYNAMIC=1 then
// links everything dynamically (`scripts/dev sanitize` and `scripts/dev coverage` set it).
let isDynamic = Context.environment["MARTLET_DYNAMIC"] != nil
let staticLink: [LinkerSetting] = isDynamic ? [] : [.unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections"])]

// A template is a fork of the warden that has another program's memory at its place beside its own: what is not
// position-independent begins where linkers usually put it, so the warden is elsewhere.
let elsewhere: [LinkerSetting] = isDynamic ? [] : [.unsafeFlags(["-Xlinker", "-Ttext-segment=0x70000000"])]

// libFuzzer brings a main function and counters for every branch: a build of its own (`scripts/dev fuzz`).
let isFuzzing = Context.environment["MARTLET_FUZZ"] != nil
let fuzzing: [String] = isFuzzing ? ["-sanitize=fuzzer,address"] : []
// The harnesses reach inside the modules, as tests do.
let testable: [String] = isFuzzing ? ["-enable-testing"] : []

let strict: [SwiftSetting] = [
    .unsafeFlags(fuzzing + testable),
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "martlet-warden", targets: ["martlet-warden"]),
    ],
    targets: [
        // What the kernel offers, without policy.
        .target(name: "CLinux", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(
            name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: strict),

        // Bytes and values: messages between the two programs, JSON. Pure.
        .target(name: "Wire", swiftSettings: strict),

        // Code as it arrives: zip archives, what unpacks them, and the digest that names them. Pure.
        .target(name: "Archive", dependencies: ["Wire"], swiftSettings: strict),

        // What Lambda says about functions: names, limits, errors, lives, log lines. Pure.
        .target(name: "Lambda", dependencies: ["Wire"], swiftSettings: strict),

        // One thread that waits for everything; HTTP connections on it.
        .target(name: "Reactor", dependencies: ["Linux", "Wire"], swiftSettings: strict),

        // Functions and the environments that run them, in the supervisor, without any right.
        .target(
            name: "Environments", dependencies: ["Archive", "Lambda", "Reactor", "Linux", "Wire"], swiftSettings: strict
        ),

        // The supervisor as a whole: its control socket, how it gives up root's rights, how it ends.
        .target(
            name: "Service", dependencies: ["Environments", "Lambda", "Reactor", "Linux", "Wire"], swiftSettings: strict
        ),

        // Processes captured, and made again from what was captured. The restorer is code without a library: what a
        // process runs while it becomes another.
        .target(
            name: "CRestorer",
            cSettings: [
                .unsafeFlags([
                    "-Wall", "-Wextra", "-Werror", "-O2", "-fno-stack-protector", "-fno-jump-tables",
                    "-fcf-protection=none",
                ])
            ]),
        .target(name: "Snapshot", dependencies: ["Archive", "Linux", "Wire", "CRestorer"], swiftSettings: strict),

        // The isolation itself; runs as root inside the warden.
        .target(name: "Sandbox", dependencies: ["Snapshot", "Linux", "Wire", "CSeccomp"], swiftSettings: strict),

        // The privileged process: an event loop around Sandbox.
        .target(name: "Warden", dependencies: ["Sandbox", "Linux", "Wire"], swiftSettings: strict),
        .executableTarget(
            name: "martlet-warden", dependencies: ["Warden", "Sandbox", "Linux"], swiftSettings: strict,
            linkerSettings: staticLink + elsewhere),

        // The program for people.
        .executableTarget(
            name: "martlet",
            dependencies: ["Service", "Environments", "Lambda", "Archive", "Warden", "Sandbox", "Linux", "Wire"],
            swiftSettings: strict,
            linkerSettings: staticLink),

        // Without root, in seconds.
        .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: strict),
        .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: strict),
        .testTarget(name: "ArchiveTests", dependencies: ["Archive", "Wire"], swiftSettings: strict),
        .testTarget(name: "LambdaTests", dependencies: ["Lambda", "Wire"], swiftSettings: strict),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Linux", "Wire"], swiftSettings: strict),
        .testTarget(
            name: "EnvironmentsTests", dependencies: ["Environments", "Archive", "Lambda", "Reactor", "Linux", "Wire"],
            swiftSettings: strict),
        .testTarget(name: "ServiceTests", dependencies: ["Service", "Lambda", "Wire"], swiftSettings: strict),
        .testTarget(
            name: "SnapshotTests", dependencies: ["Snapshot", "Archive", "CRestorer", "Linux", "Wire"],
            swiftSettings: strict),
        .testTarget(name: "SandboxTests", dependencies: ["Sandbox", "Snapshot", "Wire"], swiftSettings: strict),

        // With root: drives the built programs from outside. Attacks is what must not get through.
        .target(name: "SubjectCalls", path: "Tests/Subjects/Calls", swiftSettings: strict),
        .target(
            name: "CAttacks", path: "Tests/Subjects/CAttacks",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .executableTarget(
            name: "attacks", dependencies: ["CAttacks", "SubjectCalls"], path: "Tests/Subjects/Attacks",
            swiftSettings: strict, linkerSettings: staticLink),
        // One tiny program for each thing that a snapshot must carry over.
        .target(
            name: "CZoo", path: "Tests/Subjects/CZoo",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .executableTarget(
            name: "zoo", dependencies: ["CZoo", "SubjectCalls"], path: "Tests/Subjects/Zoo", swiftSettings: strict,
            linkerSettings: staticLink),
        .executableTarget(
            name: "static-c", path: "Tests/Subjects/StaticC",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"])],
            // Without -nostartfiles the whole of the Swift runtime comes along.
            linkerSettings: isDynamic
                ? [] : [.unsafeFlags(["-static-executable", "-nostartfiles", "-Xlinker", "--gc-sections"])]),
        .target(
            name: "IntegrationSupport", dependencies: ["Linux", "Wire"], path: "Tests/Integration/Support",
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests", dependencies: ["IntegrationSupport", "Archive", "Linux", "Wire"],
            path: "Tests/Integration",
            exclude: ["Support", "Contract/README.md", "Contract/nodejs.json", "Contract/python.json"],
            swiftSettings: strict),

        .executableTarget(
            name: "bench-exec", dependencies: ["IntegrationSupport", "Linux"], path: "Tests/Benchmarks/Exec",
            swiftSettings: strict, linkerSettings: staticLink),
        .executableTarget(
            name: "bench-invoke", dependencies: ["IntegrationSupport", "Linux", "Wire"],
            path: "Tests/Benchmarks/Invoke",
            swiftSettings: strict, linkerSettings: staticLink),
        .executableTarget(
            name: "bench-floods", dependencies: ["IntegrationSupport", "Linux", "Wire"],
            path: "Tests/Benchmarks/Floods",
            swiftSettings: strict, linkerSettings: staticLink),
        .executableTarget(
            name: "bench-starts", dependencies: ["IntegrationSupport", "Wire"], path: "Tests/Benchmarks/Starts",
            swiftSettings: strict, linkerSettings: staticLink),
    ]
)

if isFuzzing {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Service", "Environments", "Archive", "Lambda", "Reactor", "Sandbox", "Snapshot", "Linux", "Wire",
            ],
            path: "Tests/Fuzz", exclude: ["Corpus"], swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(fuzzing + ["-use-ld=lld"])]))
}
