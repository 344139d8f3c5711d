// The files of a function: a directory with its code and its layers. Versions that differ in their configuration alone
// share it. When it was replaced and nobody uses it any more, it removes itself.

import Linux
import Synchronization
import Wire

package final class FunctionContent: Sendable {
    package let directory: String
    package let figures: ContentFigures
    private let isDoomed: Mutex<Bool>
    private let remove: @Sendable (String) -> Void

    /// - Parameter remove: removes a tree, not at once but soon
    init(directory: String, _ figures: ContentFigures, isDoomed: Bool, remove: @escaping @Sendable (String) -> Void) {
        self.directory = directory
        self.figures = figures
        self.isDoomed = Mutex(isDoomed)
        self.remove = remove
    }

    /// The last one who holds it takes it along.
    func doom() { isDoomed.withLock { $0 = true } }

    deinit {
        if isDoomed.withLock({ $0 }) { remove(directory) }
    }

    package var code: String { "\(directory)/code" }
    package var layers: [String] { (0..<figures.layers).map { "\(directory)/layers/\($0)" } }
}

/// What is known about the files without looking at them again.
package struct ContentFigures: Equatable, Sendable {
    var layers = 0
    /// Executables of `extensions` in the layers, by name, in the order in which they start.
    var extensions: [String] = []
    /// The function's own runtime, as a path in the sandbox, if it has one.
    var bootstrap: String?
    var size = 0
    var sha256 = ""

    init() {}

    var members: [(String, JSON)] {
        [
            ("layers", .integer(Int64(layers))), ("extensions", .list(extensions.map(JSON.text))),
            ("bootstrap", bootstrap.map(JSON.text) ?? .null), ("code_size", .integer(Int64(size))),
            ("code_sha256", .text(sha256)),
        ]
    }

    static let memberNames = ["layers", "extensions", "bootstrap", "code_size", "code_sha256"]

    init?(json: JSON) {
        guard let layers = json["layers"]?.integer, (0...5).contains(layers), let size = json["code_size"]?.integer,
            let sha256 = json["code_sha256"]?.text, let extensions = json["extensions"]?.list
        else { return nil }
        self.layers = Int(layers)
        self.size = Int(size)
        self.sha256 = sha256
        self.extensions = extensions.compactMap(\.text)
        bootstrap = json["bootstrap"]?.text
    }
}
