// Why an archive is refused. Paths are given as far as they are text.

package enum ArchiveError: Error, Equatable, CustomStringConvertible {
    case notAnArchive
    case truncated
    case inSeveralParts
    case zip64
    case badDirectory
    case tooManyEntries(Int)
    case tooLarge(limit: Int)
    case badName(String, Flaw)
    case encrypted(String)
    case unknownMethod(String, UInt16)
    case unknownKind(String)
    case collision(String)
    case overlap(String)
    case headersDiffer(String)
    case badData(String, InflateError)
    case wrongSize(String)
    case wrongCheckSum(String)
    case badTarget(String)

    package enum Flaw: String, Sendable {
        case notText = "is not UTF-8"
        case tooLong = "is too long"
        case empty = "has an empty part"
        case absolute = "is absolute"
        case leadsUp = "has a part that is . or .."
        case zeroByte = "has a zero byte"
        case backslash = "has a backslash"
    }

    package var description: String {
        switch self {
        case .notAnArchive: "not a zip archive"
        case .truncated: "the archive is cut short"
        case .inSeveralParts: "the archive is one of several parts"
        case .zip64: "the archive is zip64, which is not supported"
        case .badDirectory: "the archive's directory is damaged"
        case .tooManyEntries(let limit): "the archive has more than \(limit) entries"
        case .tooLarge(let limit): "the archive unpacks to more than \(limit) bytes"
        case .badName(let path, let flaw): "a name in the archive \(flaw.rawValue): \(path)"
        case .encrypted(let path): "encrypted: \(path)"
        case .unknownMethod(let path, let method): "packed by unknown method \(method): \(path)"
        case .unknownKind(let path): "neither file, directory nor symbolic link: \(path)"
        case .collision(let path): "two entries claim one place: \(path)"
        case .overlap(let path): "shares its bytes with another entry, or has them elsewhere: \(path)"
        case .headersDiffer(let path): "its two headers differ: \(path)"
        case .badData(let path, let error): "cannot be unpacked (\(error)): \(path)"
        case .wrongSize(let path): "unpacks to another size than declared: \(path)"
        case .wrongCheckSum(let path): "its check sum is wrong: \(path)"
        case .badTarget(let path): "a symbolic link that is absolute or leads out of the archive: \(path)"
        }
    }
}
