// Random bytes against everything that takes bytes apart: one harness for each kind, chosen by the first argument. The
// others are libFuzzer's. 'seeds HARNESS DIRECTORY' writes what a text editor cannot.

import Glibc

@main
enum Fuzz {
    static let harnesses: [(name: String, run: @Sendable ([UInt8]) -> Void)] = [
        ("messages", fuzzMessages), ("json", fuzzJSON), ("http", fuzzHTTP), ("routes", fuzzRoutes),
        ("configuration", fuzzConfiguration), ("runtime", fuzzRuntimeAPI), ("inflate", fuzzInflate),
        ("archive", fuzzArchive), ("mounts", fuzzMounts), ("plan", fuzzPlan), ("proc", fuzzProc),
    ]

    nonisolated(unsafe) private static var harness: @Sendable ([UInt8]) -> Void = { _ in }

    static func main() {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "seeds" {
            return arguments[2] == "plan" ? writePlans(to: arguments[3]) : writeSeeds(to: arguments[3])
        }
        guard arguments.count > 1, let chosen = harnesses.first(where: { $0.name == arguments[1] }) else {
            print(harnesses.map(\.name).joined(separator: "\n"))
            exit(arguments.count > 1 ? 64 : 0)
        }
        unsafe harness = chosen.run
        // Without our own argument, in the place of which the program's name goes.
        var count = CommandLine.argc - 1
        unsafe CommandLine.unsafeArgv[1] = CommandLine.unsafeArgv[0]
        var rest: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv + 1
        // libFuzzer reads its options and does not come back before they say so.
        exit(
            unsafe runFuzzer(&count, &rest) { start, count in
                unsafe Fuzz.harness(Array(UnsafeBufferPointer(start: start, count: count)))
                return 0
            })
    }
}

/// libFuzzer's way in for programs that have a main function of their own.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ input: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt
