// A trait of suites that start many programs in the test machine. Its processors are emulated: what a program executes is
// translated first, and is translated again wherever the kernel puts it. With its addresses at random, the start of a
// dynamic program takes 40 ms there, of which 30 are translation; at the same addresses every time, 10.
//
// Never for a suite that restores: a template holds the memory of another program beside its own, which it can do because
// the two are not at the same addresses.

import IntegrationSupport
import Linux
import Testing

struct FixedAddresses: SuiteTrait, TestScoping {
    init() {}

    private static let setting = "/proc/sys/kernel/randomize_va_space"

    func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
    ) async throws {
        guard Binaries.isInTestMachine else { return try await body() }
        let before = try HostFiles.read(Self.setting)
        try Self.set(Array("0".utf8))
        // The machine is thrown away: where this fails, what fails next says so.
        defer { try? Self.set(before) }
        try await body()
    }

    private static func set(_ text: [UInt8]) throws {
        let file = try Files.open(setting, .readWrite)
        try Files.write(text, to: file.raw, named: setting)
    }
}

extension Trait where Self == FixedAddresses {
    static var fixedAddresses: Self { FixedAddresses() }
}
