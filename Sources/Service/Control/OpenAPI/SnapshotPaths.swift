// Snapshots and pools, in the document.

import Environments
import Lambda
import Wire

extension OpenAPI {
    static let snapshotPaths: [(path: String, operations: [Operation])] = [
        ("/v1/functions/{name}/snapshot", [getSnapshot, makeSnapshot, deleteSnapshot]),
        ("/v1/snapshots", [listSnapshots]), ("/v1/pools", [listPools]),
    ]

    private static func snapshot(_ description: String) -> JSON {
        ["description": .text(description), "content": .content("application/json", .schema("Snapshot"))]
    }

    private static let getSnapshot = Operation(
        method: "get", id: "getSnapshot",
        summary: "Whether there is a snapshot of the function, and all that is in it.",
        parameters: [.parameter("name")],
        answers: [(200, snapshot("the snapshot, or why there is none")), (404, .response("NotFound"))])

    private static let makeSnapshot = Operation(
        method: "post", id: "makeSnapshot",
        summary: "Makes a snapshot of the function, anew where there is one, and answers when it is made.",
        parameters: [.parameter("name")],
        answers: [
            (201, snapshot("the snapshot is made, and new environments start from it")),
            (404, .response("NotFound")), (409, .response("NoSnapshot")),
        ])

    private static let deleteSnapshot = Operation(
        method: "delete", id: "deleteSnapshot",
        summary: "Removes the snapshot. It is not made again unless it is asked for, or the function deployed anew.",
        parameters: [.parameter("name")],
        answers: [(204, ["description": "it is removed"]), (404, .response("NotFound"))])

    private static func list(_ member: String, _ schema: String, _ description: String) -> JSON {
        let items: JSON = ["type": "array", "items": .schema(schema)]
        return [
            "description": .text(description),
            "content": .content(
                "application/json",
                .object([
                    ("type", "object"), ("required", .list([.text(member)])), ("additionalProperties", false),
                    ("properties", .object([(member, items)])),
                ])),
        ]
    }

    private static let listSnapshots = Operation(
        method: "get", id: "listSnapshots", summary: "The snapshots that there are or should be, by function.",
        answers: [(200, list("snapshots", "Snapshot", "all of them"))])

    private static let listPools = Operation(
        method: "get", id: "listPools", summary: "What is kept ready of each function that has a snapshot.",
        answers: [(200, list("pools", "Pool", "all of them"))])

    // MARK: shapes

    private static func count(_ description: String) -> JSON {
        ["type": "integer", "minimum": 0, "description": .text(description)]
    }

    static let snapshotSchema: JSON = [
        "type": "object", "required": ["function", "revision", "state"], "additionalProperties": false,
        "properties": [
            "function": name, "revision": ["type": "string", "format": "uuid"],
            "state": [
                "enum": ["none", "making", "ready", "refused", "to-be-made-anew"],
                "description": "Without a ready one, environments start cold.",
            ],
            "reason": ["type": "string", "description": "Why there is none."],
            "bytes": count("Of memory in the image."), "processes": count("In the image."),
            "threads": count("In the image."), "stopped_us": count("How long its processes stood still for it."),
            "took_us": count("From the start of the environment that it was made of."),
            "warm_up_errors": count("Events of the warm-up that the function answered with an error."),
            "image": ["type": "object", "description": "What is in it, and what was left out and why."],
        ],
    ]

    static let poolSchema: JSON = [
        "type": "object", "required": ["function", "parked", "shells", "provisioned", "reserved"],
        "additionalProperties": false,
        "properties": [
            "function": name, "parked": count("Environments that wait, restored."),
            "shells": count("Empty sandboxes, to restore into."), "provisioned": count("Parked at least."),
            "reserved": [
                "type": ["integer", "null"], "minimum": 1, "description": "The most environments at a time.",
            ],
        ],
    ]

    /// How a function's environments start: members of its configuration.
    static let starts: JSON = [
        "snapshot": [
            "type": "boolean", "default": false,
            "description": "Whether new environments start from a snapshot of an initialised one.",
        ],
        "warm_up": [
            "type": "array", "items": true, "default": [],
            "maxItems": .integer(Int64(FunctionConfiguration.mostWarmUpEvents)),
            "description": .text(
                """
                Events that are run before the snapshot is made, so that what they load is in it; at most \
                \(FunctionConfiguration.mostWarmUpBytes) bytes. Needs snapshot.
                """),
        ],
        "provisioned": .wholeNumber(
            FunctionConfiguration.provisionedRange, usually: 0,
            "Environments that wait, restored, at least. Needs snapshot, and no more than are reserved."),
        "reserved": [
            "type": ["integer", "null"], "default": .null,
            "minimum": .integer(Int64(FunctionConfiguration.reservedRange.lowerBound)),
            "maximum": .integer(Int64(FunctionConfiguration.reservedRange.upperBound)),
            "description": "The most environments at a time.",
        ],
        "start": [
            "enum": .list(StartMode.allCases.map { .text($0.rawValue) }), "default": "auto",
            "description": "Where events find their environments; see the header Martlet-Start.",
        ],
    ]
}
