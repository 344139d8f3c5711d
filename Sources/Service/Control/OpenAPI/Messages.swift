// What goes with invocations (parameters, the event, the headers of its answer), and the answers that several routes
// share, in the document.

import Lambda
import Wire

extension OpenAPI {
    static let parameters: JSON = [
        "name": ["name": "name", "in": "path", "required": true, "schema": name, "description": "Of a function."],
        "id": [
            "name": "id", "in": "path", "required": true, "schema": name, "description": "Of an environment.",
        ],
        "log": [
            "name": "Martlet-Log", "in": "header", "schema": ["enum": ["none", "tail"], "default": "none"],
            "description": "Whether the end of the invocation's log comes with the answer.",
        ],
        "mode": [
            "name": "Martlet-Response-Mode", "in": "header",
            "schema": ["enum": ["buffered", "streaming"], "default": "buffered"],
            "description": "Whether the answer comes as the function makes it.",
        ],
        "start": [
            "name": "Martlet-Start", "in": "header",
            "schema": ["enum": .list(StartMode.allCases.map { .text($0.rawValue) })],
            "description": """
            Where the event finds its environment; otherwise the function says. auto: one that waits, else one of the \
            pool, else one from the snapshot, else a new one. cold: always a new one. restore: always a new one from the \
            snapshot. pooled: one of the pool, or from the snapshot. warm: one that waits, else as auto.
            """,
        ],
        "context": [
            "name": "Martlet-Client-Context", "in": "header",
            "schema": ["type": "string", "contentEncoding": "base64", "contentMediaType": "application/json"],
            "description": "For the function's context: base64 of at most 4096 bytes of JSON.",
        ],
        "identity": [
            "name": "Martlet-Identity", "in": "header",
            "schema": ["type": "string", "contentEncoding": "base64", "contentMediaType": "application/json"],
            "description": "The Cognito identity that the function sees: base64 of at most 4096 bytes of JSON.",
        ],
        "trace": [
            "name": "Martlet-Trace-Id", "in": "header", "schema": ["type": "string"],
            "description": "The trace that the function sees; otherwise one is made up.",
        ],
    ]

    static let invocationParameters: [JSON] = ["log", "mode", "context", "identity", "trace"].map(JSON.parameter)

    static let event: JSON = [
        "required": false, "content": ["application/json": ["schema": true]],
        "description": .text(
            "The event: any JSON of at most \(Payload.longestRequest) bytes. None is an empty object."),
    ]

    static let headers: JSON = [
        "request": [
            "required": true, "schema": ["type": "string", "format": "uuid"], "description": "Of this invocation.",
        ],
        "environment": [
            "schema": ["type": "string"], "description": "Which one had the event; empty when none could be made.",
        ],
        "started": [
            "schema": ["enum": ["cold", "restored", "pooled", "warm"]],
            "description": """
            Cold: it was started for this event; restored: from a snapshot; pooled: from a snapshot, ahead of the event.
            """,
        ],
        "phases": [
            "schema": [
                "type": "string", "pattern": "^sandbox=[0-9]+, restore=[0-9]+, init=[0-9]+, invoke=[0-9]+$",
            ],
            "description": "How long each took, in microseconds.",
        ],
        "functionError": [
            "schema": ["const": "Unhandled"], "description": "The function failed: the body is its error.",
        ],
        "errorType": ["schema": ["type": "string"], "description": "Of that error, as AWS Lambda names it."],
        "logResult": [
            "schema": ["type": "string", "contentEncoding": "base64"],
            "description": "The last 4096 bytes of the log, if they were asked for.",
        ],
        "retry": [
            "required": true, "schema": ["type": "string", "pattern": "^[0-9]+$"], "description": "Seconds.",
        ],
    ]

    static let responses: JSON = [
        "Invoked": [
            "description": """
            What the function answered, in its own media type. Of an answer that is streamed, only Martlet-Request-Id \
            comes ahead; if the function fails on the way, trailers say so: Martlet-Function-Error, Martlet-Error-Type \
            and Martlet-Error-Body, which is base64.
            """,
            "content": ["application/json": ["schema": true], "*/*": ["schema": true]],
            "headers": [
                "Martlet-Request-Id": .header("request"), "Martlet-Environment": .header("environment"),
                "Martlet-Started": .header("started"), "Martlet-Phases": .header("phases"),
                "Martlet-Function-Error": .header("functionError"), "Martlet-Error-Type": .header("errorType"),
                "Martlet-Log-Result": .header("logResult"),
            ],
        ],
        "BadRequest": error("the request cannot be understood, or came too slowly; what is wrong is said"),
        "TooLarge": error("the body is larger than this route takes"),
        "NotFound": error("there is nothing of that name, or it cannot be a name"),
        "NoSnapshot": error("there is no snapshot to start from; why is said"),
        "Busy": error("the environment has an event, or is about to end"),
        "NoRoom": later("there are as many environments as there may be, and all are busy"),
        "Unavailable": later("the engine is shutting down, or cannot store anything now"),
    ]

    private static func error(_ description: String) -> JSON {
        ["description": .text(description), "content": .content("application/json", .schema("Error"))]
    }

    private static func later(_ description: String) -> JSON {
        error(description).with(["headers": ["Retry-After": .header("retry")]])
    }
}
