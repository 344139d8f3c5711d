// From what the kernel answered to what it means. An attack that fails for a reason that no measure of isolation gives
// has shown nothing: it is broken, and says so, so that a missing file or a mistyped argument never counts as held.

internal import CAttacks
import Glibc

enum Finding: Equatable {
    case held(String)
    case through(String)
    /// The attack is over, and whether it got through is seen from outside: by what is still running.
    case left(String)
}

struct Broken: Error, CustomStringConvertible {
    let description: String
    init(_ reason: String) { description = reason }
}

struct Errno: Error, Equatable, CustomStringConvertible {
    let code: Int32
    init(_ result: Int) { code = Int32(-result) }
    var description: String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text).lowercased()
    }
}

enum Reasons {
    /// The kernel, or a filter before it, refuses.
    static let refused = [EPERM, EACCES, ENOSYS]
    /// There is nothing there, or it cannot be reached or written.
    static let absent = [ENOENT, ENOTDIR, ENXIO, ENODEV, EPERM, EACCES, EROFS, ELOOP]
    /// No such process, or none that the caller may touch.
    static let noProcess = [ESRCH, EPERM, EACCES, ENOSYS, ENOENT]
}

/// Judges a call that must not be made. `reached` are the errors that only a caller sees who has the right to make it:
/// attacks that must do no harm ask for something impossible.
func judge(
    _ what: String, _ result: Int, reached: [Int32] = [], held: [Int32] = Reasons.refused
) throws -> Finding {
    if result >= 0 { return .through("\(what) succeeded") }
    let reason = Errno(result)
    if reached.contains(reason.code) { return .through("\(what) reached the kernel: \(reason)") }
    if held.contains(reason.code) { return .held("\(what): \(reason)") }
    throw Broken("\(what): \(reason), which shows nothing")
}

/// Tries one way after the other; the first that gets through decides.
func first<Way>(
    of ways: some Sequence<Way>, _ attempt: (Way) throws -> Finding
) throws -> Finding {
    var last: Finding?
    for way in ways {
        let finding = try attempt(way)
        guard case .held = finding else { return finding }
        last = finding
    }
    return last ?? .held("there is nothing to try it on")
}

/// Reads `path` and looks for the token that only the host's file has.
func seek(_ token: String, at path: String, in directory: Int32 = here) throws -> Finding {
    seek(token, in: contents(of: path, in: directory), of: path, held: Reasons.absent + [EINVAL, EIO])
}

func seek(_ token: String, in text: Result<String, Errno>, of what: String, held: [Int32]) -> Finding {
    switch text {
    case .success(let text) where text.contains(token): .through("read the host's secret by \(what)")
    case .success: .held("\(what): not the host's")
    case .failure(let reason): .held("\(what): \(reason)")
    }
}

/// Opens something only to see whether that is possible; nothing is read or written.
func judgeOpening(_ path: String, _ flags: Int32 = O_RDONLY) throws -> Finding {
    let file = openFile(path, flags)
    defer { closeFile(file) }
    if file >= 0 && isMask(file) { return .held("\(path) is /dev/null") }
    return try judge("opening \(path)", file, held: Reasons.absent)
}

/// What hides a file of the kernel's is often /dev/null, laid over it. No attack aims at that device itself.
func isMask(_ file: Int) -> Bool {
    var status = stat()
    let null: dev_t = 1 << 8 | 3
    return unsafe fstat(Int32(file), &status) == 0 && status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == null
}

/// Writes to `path` what stands there already.
func judgeRewriting(_ path: String) throws -> Finding {
    let file = openFile(path, O_RDWR)
    guard file >= 0 else { return try judge("opening \(path) to write", file, held: Reasons.absent) }
    defer { closeFile(file) }
    if isMask(file) { return .held("\(path) is /dev/null") }
    guard case .success(let same) = contents(of: file) else { throw Broken("\(path) cannot be read") }
    return try judge("writing \(path)", call(__NR_write, file, same, same.utf8.count), held: Reasons.absent)
}
