// Random bytes against everything that takes bytes apart. The first byte chooses what.

import Glibc
import Sandbox
import Wire

@main
enum Fuzz {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        // libFuzzer reads its own options and does not come back before they say so.
        exit(unsafe runFuzzer(&count, &arguments) { start, count in unsafe fuzzOneInput(start, count) })
    }
}

/// libFuzzer's way in for programs that have a main function of their own.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ input: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

private func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch choice % 5 {
    case 0:
        if let request = try? WardenRequest(decoding: rest) {
            // What is understood is said again in the same words.
            precondition((try? WardenRequest(decoding: request.encoded())) == request)
            if case .create(let sandbox) = request { _ = sandbox.problem() }
        }
    case 1:
        if let reply = try? WardenReply(decoding: rest) {
            precondition((try? WardenReply(decoding: reply.encoded())) == reply)
        }
    case 2: _ = try? InitRequest(decoding: rest)
    case 3: _ = try? InitReport(decoding: rest)
    default:
        let text = String(decoding: rest, as: UTF8.self)
        _ = Hierarchies(mounts: text, membership: text, named: nil)
    }
    return 0
}
