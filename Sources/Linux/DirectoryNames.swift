// The names in a directory of somebody else's, who may have put as many there as there is memory for.

import Glibc

extension Files {
    /// Without `.` and `..`; nothing when there are more than `most`.
    package static func names(in path: String, most: Int) throws(SystemError) -> [String]? {
        guard let stream = unsafe opendir(path) else {
            throw SystemError(call: "opendir", subject: path, code: errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            if names.count == most { return nil }
            names.append(name)
        }
        return names
    }
}
