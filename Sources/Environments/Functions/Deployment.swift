// What somebody wants a function to be, as JSON brings it: its configuration, its code, its layers.

package import Lambda
package import Wire

package struct Deployment: Sendable {
    package var configuration: FunctionConfiguration
    /// Nothing: what the function has stays.
    package var code: Tree?
    package var layers: [Tree]?

    /// Files, as they come.
    package enum Tree: Sendable {
        case zip([UInt8])
        case files([(path: String, text: String)])
    }

    package static let mostLayers = 5
    /// Of the code alone, compressed; and of code and layers, unpacked. As AWS has them.
    package static let longestArchive = 52_428_800
    package static let mostUnpacked = 262_144_000

    private static let others = ["code", "layers"]

    package init(json: JSON) throws(FunctionConfiguration.Invalid) {
        configuration = try FunctionConfiguration(json: json, others: Self.others)
        if let code = json["code"] { self.code = try Self.tree(code, "code") }
        if let layers = json["layers"] {
            guard let list = layers.list, list.count <= Self.mostLayers else {
                throw FunctionConfiguration.Invalid("layers is a list of at most \(Self.mostLayers)")
            }
            var trees: [Tree] = []
            for layer in list { trees.append(try Self.tree(layer, "a layer")) }
            self.layers = trees
        }
    }

    private static func tree(_ json: JSON, _ what: String) throws(FunctionConfiguration.Invalid) -> Tree {
        guard let members = json.object, members.count == 1 else {
            throw FunctionConfiguration.Invalid("\(what) is {\"zip\": base64} or {\"files\": {path: text}}")
        }
        if let text = json["zip"]?.text {
            do throws(Base64Error) {
                return .zip(try Base64.decode(text, limit: longestArchive))
            } catch {
                throw FunctionConfiguration.Invalid("the zip of \(what) is not base64 of at most 50 MB")
            }
        }
        guard let files = json["files"]?.object else {
            throw FunctionConfiguration.Invalid("\(what) is {\"zip\": base64} or {\"files\": {path: text}}")
        }
        var all: [(path: String, text: String)] = []
        for (path, value) in files {
            guard let text = value.text else {
                throw FunctionConfiguration.Invalid("the file \(path) of \(what) is not a text")
            }
            guard isSafePath(path) else {
                throw FunctionConfiguration.Invalid(
                    "'\(path)' cannot be the path of a file: relative, without '..' and without empty parts")
            }
            all.append((path, text))
        }
        if let path = collision(all.map(\.path)) {
            throw FunctionConfiguration.Invalid("'\(path)' cannot be both a file and a directory in \(what)")
        }
        return .files(all)
    }

    /// A path that is also above another. Byte by byte: file systems do not know that two texts look equal.
    private static func collision(_ paths: [String]) -> String? {
        let all = Set(paths.map { Array($0.utf8) })
        for path in paths {
            let bytes = Array(path.utf8)
            for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") {
                if all.contains(Array(bytes[..<index])) { return String(decoding: bytes[..<index], as: UTF8.self) }
            }
        }
        return nil
    }

    /// A path that stays below where it is put.
    static func isSafePath(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return path.utf8.count <= 1024 && !path.utf8.contains(0)
            && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255 }
    }
}
