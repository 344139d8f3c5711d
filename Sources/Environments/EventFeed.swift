// What happens to environments, a JSON object a line, for whoever listens.

import Wire

package final class EventFeed {
    package final class Listener {
        let hear: ([UInt8]) -> Void
        package init(_ hear: @escaping ([UInt8]) -> Void) { self.hear = hear }
    }

    private var listeners: [Listener] = []

    package init() {}

    package func add(_ listener: Listener) { listeners.append(listener) }
    package func remove(_ listener: Listener) { listeners.removeAll { $0 === listener } }

    /// Nothing is made of it when nobody listens.
    func tell(_ time: @autoclosure () -> String, _ kind: String, _ members: @autoclosure () -> [(String, JSON)]) {
        guard !listeners.isEmpty else { return }
        let line = Array(
            (JSON.object([("time", .text(time())), ("event", .text(kind))] + members()).line + "\n").utf8)
        for listener in listeners { listener.hear(line) }
    }
}
