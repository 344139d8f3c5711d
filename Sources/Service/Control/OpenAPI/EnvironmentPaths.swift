// Environments, in the document: started, looked at, invoked one by one, ended. And what the engine tells of itself.

import Wire

extension OpenAPI {
    static let environmentPaths: [(path: String, operations: [Operation])] = [
        ("/v1/environments", [listEnvironments, startEnvironment]),
        ("/v1/environments/{id}", [getEnvironment, endEnvironment]),
        ("/v1/environments/{id}/invoke", [invokeEnvironment]),
    ]

    private static let listEnvironments = Operation(
        method: "get", id: "listEnvironments", summary: "The environments that there are, the oldest first.",
        answers: [
            (
                200,
                [
                    "description": "all of them",
                    "content": .content(
                        "application/json",
                        [
                            "type": "object", "required": ["environments"], "additionalProperties": false,
                            "properties": ["environments": ["type": "array", "items": .schema("Environment")]],
                        ]),
                ]
            )
        ])

    private static func environment(_ description: String) -> JSON {
        ["description": .text(description), "content": .content("application/json", .schema("Environment"))]
    }

    private static let startEnvironment = Operation(
        method: "post", id: "startEnvironment",
        summary: "Starts an environment ahead of any event, and answers when its init is over.",
        body: ["required": true, "content": .content("application/json", .schema("Start"))],
        answers: [
            (201, environment("it waits for events")), (404, .response("NotFound")),
            (
                422,
                [
                    "description": "init has failed, and the environment has ended",
                    "content": .content("application/json", .schema("InitError")),
                ]
            ),
            (429, .response("NoRoom")), (503, .response("Unavailable")),
        ])

    private static let getEnvironment = Operation(
        method: "get", id: "getEnvironment", summary: "What an environment is doing.", parameters: [.parameter("id")],
        answers: [(200, environment("the environment")), (404, .response("NotFound"))])

    private static let endEnvironment = Operation(
        method: "delete", id: "endEnvironment",
        summary: "Ends an environment; one that has an event answers it first. Comes back when it has ended.",
        parameters: [
            .parameter("id"),
            [
                "name": "now", "in": "query", "schema": flag,
                "description": "Whether to end it without waiting for the answer to its event.",
            ],
        ],
        answers: [(204, ["description": "it has ended"]), (404, .response("NotFound"))])

    private static let invokeEnvironment = Operation(
        method: "post", id: "invokeEnvironment", summary: "Gives an event to this environment and to no other.",
        parameters: [.parameter("id")] + invocationParameters, body: event,
        answers: [
            (200, .response("Invoked")), (404, .response("NotFound")), (409, .response("Busy")),
            (429, .response("NoRoom")), (503, .response("Unavailable")),
        ])

    // MARK: the engine

    static let enginePaths: [(path: String, operations: [Operation])] = [
        ("/v1/events", [followEvents]), ("/healthz", [getHealth]), ("/metrics", [getMetrics]),
        ("/openapi.json", [getDocument]),
    ]

    private static let followEvents = Operation(
        method: "get", id: "followEvents",
        summary: "What happens to environments, a line of JSON each, until the client closes the connection.",
        answers: [
            (
                200,
                [
                    "description": "a stream; a client that does not keep up loses lines",
                    "content": .content("application/x-ndjson", .schema("Event")),
                ]
            )
        ])

    private static let getHealth = Operation(
        method: "get", id: "getHealth", summary: "Whether the engine answers.",
        answers: [
            (
                200,
                [
                    "description": "it does",
                    "content": .content(
                        "application/json",
                        [
                            "type": "object", "required": ["status"], "additionalProperties": false,
                            "properties": ["status": ["const": "ok"]],
                        ]),
                ]
            )
        ])

    private static let getMetrics = Operation(
        method: "get", id: "getMetrics", summary: "Counters since the start, as Prometheus reads them.",
        answers: [
            (
                200,
                [
                    "description": "the text format, version 0.0.4",
                    "content": .content("text/plain", ["type": "string"]),
                ]
            )
        ])

    private static let getDocument = Operation(
        method: "get", id: "getDocument", summary: "This document.",
        answers: [
            (200, ["description": "OpenAPI 3.1", "content": .content("application/json", ["type": "object"])])
        ])
}
