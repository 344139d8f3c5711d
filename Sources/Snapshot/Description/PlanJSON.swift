// A plan for people to look at: what is in the image, what is shared, what was left out and why.

package import Wire

extension Plan {
    package func json(named name: String) -> JSON {
        .object([
            ("name", .text(name)), ("memo", .text(memo)), ("captured_at_ms", .number(capturedAtMS)),
            ("stopped_us", .number(stoppedUS)), ("bytes", .number(pagesSize)),
            ("pages", .number(storedPages)), ("distinct_pages", .number(pagesSize >> 12)),
            ("kernel", .text(binding.kernel)), ("root", .text(binding.root)), ("code", .text(binding.code)),
            ("layers", .list(binding.layers.map { .text($0.words) })),
            ("processes", .list(processes.map(\.json))), ("files", .list(files.map(\.json))),
            ("tmp", .list(entries.map { .text($0.path) })), ("left_out", .list(leftOut.map { .text($0.words) })),
        ])
    }
}

extension JSON {
    fileprivate static func number(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
}

extension ProcessState {
    fileprivate var json: JSON {
        .object([
            ("pid", .integer(Int64(pid))), ("program", .text(program)),
            ("threads", .list(threads.map { .object([("tid", .integer(Int64($0.tid))), ("name", .text($0.name))]) })),
            ("mappings", .list(mappings.map(\.json))),
            (
                "descriptors",
                .list(
                    descriptors.map {
                        .object([("number", .integer(Int64($0.number))), ("file", .integer(Int64($0.file)))])
                    })
            ),
        ])
    }
}

extension Mapping {
    fileprivate var json: JSON {
        let rights = [(1, "r"), (2, "w"), (4, "x")].map { protection & $0.0 != 0 ? $0.1 : "-" }.joined()
        return .object([
            ("start", .text(String(start, radix: 16))), ("end", .text(String(end, radix: 16))),
            ("rights", .text(rights)), ("kind", .text("\(kind)")), ("path", .text(path)),
            ("pages", .number((end - start) >> 12)), ("stored", .number(runs.reduce(0) { $0 + $1.pages })),
        ])
    }
}

extension OpenFile {
    fileprivate var json: JSON {
        .object([
            ("kind", .text("\(kind)")), ("path", .text(path)), ("position", .number(position)),
            ("waiting", .integer(Int64(payload.count))), ("size", .number(size)),
        ])
    }
}
