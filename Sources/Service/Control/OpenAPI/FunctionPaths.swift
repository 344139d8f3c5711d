// Functions, in the document: deployed, looked at, removed, invoked; and their logs.

import Wire

extension OpenAPI {
    static let functionPaths: [(path: String, operations: [Operation])] = [
        ("/v1/functions", [listFunctions]),
        ("/v1/functions/{name}", [getFunction, putFunction, deleteFunction]),
        ("/v1/functions/{name}/invoke", [invokeFunction]),
        ("/v1/functions/{name}/logs", [getLogs]),
    ]

    private static let listFunctions = Operation(
        method: "get", id: "listFunctions", summary: "The functions that are deployed, by name.",
        answers: [
            (
                200,
                [
                    "description": "all of them",
                    "content": .content(
                        "application/json",
                        [
                            "type": "object", "required": ["functions"], "additionalProperties": false,
                            "properties": ["functions": ["type": "array", "items": .schema("Function")]],
                        ]),
                ]
            )
        ])

    private static func function(_ description: String) -> JSON {
        [
            "description": .text(description),
            "content": .content("application/json", .schema("Function")),
        ]
    }

    private static let getFunction = Operation(
        method: "get", id: "getFunction", summary: "What a function is now.", parameters: [.parameter("name")],
        answers: [(200, function("the function")), (404, .response("NotFound"))])

    private static let putFunction = Operation(
        method: "put", id: "putFunction",
        summary: "Deploys a function, or changes it: what runs comes to its end, new events go to new environments.",
        parameters: [.parameter("name")],
        body: ["required": true, "content": .content("application/json", .schema("Deployment"))],
        answers: [
            (200, function("the function was changed")), (201, function("the function is new")),
            (404, .response("NotFound")), (503, .response("Unavailable")),
        ])

    private static let deleteFunction = Operation(
        method: "delete", id: "deleteFunction",
        summary: "Removes a function and its log. Its environments end when they have answered.",
        parameters: [.parameter("name")],
        answers: [(204, ["description": "it is removed"]), (404, .response("NotFound"))])

    private static let invokeFunction = Operation(
        method: "post", id: "invokeFunction",
        summary: "Gives an event to the function, in an environment that waits for one or is made for it.",
        parameters: [.parameter("name"), .parameter("start")] + invocationParameters, body: event,
        answers: [
            (200, .response("Invoked")), (404, .response("NotFound")), (409, .response("NoSnapshot")),
            (429, .response("NoRoom")),
            (503, .response("Unavailable")),
        ])

    private static let getLogs = Operation(
        method: "get", id: "getLogs", summary: "The last megabyte of a function's log.",
        parameters: [
            .parameter("name"),
            [
                "name": "follow", "in": "query", "schema": flag,
                "description": "Whether to go on with lines as they come, until the client closes the connection.",
            ],
        ],
        answers: [
            (
                200,
                [
                    "description": "whole lines, the oldest first",
                    "content": .content("text/plain", ["type": "string"]),
                ]
            ),
            (404, .response("NotFound")),
        ])
}
