// The description of the control socket that it serves itself: assembled here, from parts by subject. It is held against
// ControlRoute by a test, and against the server by scripts/api-test.

package import Wire

package enum OpenAPI {
    package static let document: JSON = [
        "openapi": "3.1.0",
        "info": [
            "title": "Martlet", "version": "1",
            "description": """
            The control socket of the engine: HTTP/1.1 over a Unix socket. Functions are deployed and invoked; \
            environments are started, looked at and ended.
            """,
        ],
        "servers": [["url": "/", "description": "over the control socket, usually /run/martlet/control.sock"]],
        "paths": .object(paths.map { ($0.path, .object($0.operations.map { ($0.method, $0.json) })) }),
        "components": [
            "schemas": schemas, "parameters": parameters, "headers": headers, "responses": responses,
        ],
    ]

    /// As it is sent.
    static let bytes = document.bytes

    private static let paths: [(path: String, operations: [Operation])] =
        functionPaths + snapshotPaths + environmentPaths + enginePaths

    struct Operation {
        let method: String
        let id: String
        let summary: String
        var parameters: [JSON] = []
        var body: JSON?
        var answers: [(status: Int, answer: JSON)]
    }

    /// What any request may get, before anybody looks at what it asks for.
    fileprivate static let everywhere: [(status: Int, name: String)] = [
        (400, "BadRequest"), (408, "BadRequest"), (413, "TooLarge"), (414, "BadRequest"), (431, "BadRequest"),
        (501, "BadRequest"), (505, "BadRequest"),
    ]
}

extension OpenAPI.Operation {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [("operationId", .text(id)), ("summary", .text(summary))]
        if !parameters.isEmpty { members.append(("parameters", .list(parameters))) }
        if let body { members.append(("requestBody", body)) }
        var all = answers
        for (status, name) in OpenAPI.everywhere where !all.contains(where: { $0.status == status }) {
            all.append((status, .response(name)))
        }
        all.sort { $0.status < $1.status }
        members.append(("responses", .object(all.map { (String($0.status), $0.answer) })))
        return .object(members)
    }
}
