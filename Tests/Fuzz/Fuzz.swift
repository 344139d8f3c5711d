// Random bytes against everything that takes bytes apart. The first byte chooses what.

import Archive
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
    switch choice % 9 {
    case 0:
        if let request = try? WardenRequest(decoding: rest) {
            // What is understood is said again in the same words.
            precondition((try? WardenRequest(decoding: request.encoded())) == request)
            if case .create(let sandbox) = request { _ = sandbox.problem() }
            if case .start(_, let process) = request { _ = process.problem() }
        }
    case 1:
        if let reply = try? WardenReply(decoding: rest) {
            precondition((try? WardenReply(decoding: reply.encoded())) == reply)
        }
    case 2:
        if let request = try? InitRequest(decoding: rest) {
            precondition((try? InitRequest(decoding: request.encoded())) == request)
        }
    case 3:
        if let report = try? InitReport(decoding: rest) {
            precondition((try? InitReport(decoding: report.encoded())) == report)
        }
    case 4: fuzzJSON(rest)
    case 5:
        // Bytes have one form only, so what is understood is written as it was.
        if let plain = try? Base64.decode(rest, limit: 4096) { precondition(Base64.encode(plain) == rest) }
    case 6: fuzzInflate(rest)
    case 7: fuzzArchive(rest)
    default:
        let text = String(decoding: rest, as: UTF8.self)
        _ = Hierarchies(mounts: text, membership: text, named: nil)
    }
    return 0
}

/// Both readers of JSON agree, and what is understood is written so that it is understood again.
private func fuzzJSON(_ bytes: [UInt8]) {
    var wrong: JSONError?
    do throws(JSONError) { try JSON.validate(bytes) } catch { wrong = error }
    do throws(JSONError) {
        let value = try JSON(parsing: bytes)
        precondition(wrong == nil)
        precondition((try? JSON(parsing: value.bytes)) == value)
    } catch {
        let isUnheld = [.loneSurrogate, .numberTooLarge, .tooManyValues].contains(error.problem)
        precondition(isUnheld || error == wrong)
    }
}

/// Whatever a packed text says, no more comes of it than is allowed.
private func fuzzInflate(_ bytes: [UInt8]) {
    for limit in [100, 1_000_000] {
        if let plain = try? Inflate.all(bytes[...], limit: limit) { precondition(plain.count <= limit) }
    }
}

/// What is taken keeps its promises: sizes within the limit, paths and links inside the tree.
private func fuzzArchive(_ bytes: [UInt8]) {
    guard let archive = try? ZipReader(bytes, limits: .init(totalSize: 1_000_000)) else { return }
    var total = 0
    for entry in archive.entries {
        precondition(!entry.path.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) })
        precondition(entry.path.utf8.first != UInt8(ascii: "/"))
        if case .symlink(let target) = entry.kind { precondition(target.utf8.first != UInt8(ascii: "/")) }
        if let contents = try? archive.bytes(of: entry) { precondition(contents.count == entry.size) }
        total += entry.size
    }
    precondition(total <= 1_000_000)
}
