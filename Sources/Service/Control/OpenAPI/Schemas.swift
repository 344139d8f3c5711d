// The shapes of bodies, in the document. Limits are those that FunctionConfiguration and Deployment check by.

import Environments
import Lambda
import Wire

extension OpenAPI {
    static let schemas: JSON = [
        "Function": function, "Deployment": deployment, "Tree": tree, "Environment": environment, "Start": start,
        "Snapshot": snapshotSchema, "Pool": poolSchema, "Event": eventLine, "Error": error, "InitError": initError,
    ]

    /// A value of a query: a switch.
    static let flag: JSON = ["type": "string", "enum": ["", "0", "1", "false", "true"], "default": "0"]

    // MARK: functions

    private static let configuration =
        ([
            "runtime": [
                "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", "default": "provided",
                "description": "One of the root file systems of the engine.",
            ],
            "handler": [
                "type": "string", "pattern": #"^[^\u0000-\u0020\u007f]*$"#, "maxLength": 128,
                "description": "What the runtime calls; at most 128 bytes. Needed by every runtime but provided.",
            ],
            "memory": .wholeNumber(FunctionConfiguration.memoryRange, usually: 128, "MB"),
            "timeout": .wholeNumber(FunctionConfiguration.timeoutRange, usually: 3, "Seconds for an event."),
            "tmp": .wholeNumber(FunctionConfiguration.tmpRange, usually: 512, "MB of /tmp."),
            "environment": [
                "type": "object", "additionalProperties": ["type": "string"],
                "propertyNames": ["pattern": "^[A-Za-z][A-Za-z0-9_]+$"],
                "description": .text(
                    """
                    Variables of the function's processes: at most \(FunctionConfiguration.mostEnvironmentBytes) bytes of \
                    names and values, without zero bytes. The names that AWS Lambda reserves are reserved.
                    """),
            ],
            "log_format": [
                "enum": .list(FunctionConfiguration.LogFormat.allCases.map { .text($0.rawValue) }), "default": "Text",
            ],
            "log_level": ["enum": .list(FunctionConfiguration.logLevels.map(JSON.text)), "default": "INFO"],
            "description": ["type": "string", "maxLength": 256, "description": "At most 256 bytes."],
        ] as JSON).with(starts)

    private static let function: JSON = [
        "type": "object", "additionalProperties": false,
        "required": .list(
            (["name", "version", "revision"] + (configuration.object ?? []).map(\.0)
                + ["layers", "extensions", "bootstrap", "code_size", "code_sha256", "modified"]).map(JSON.text)),
        "properties":
            ([
                "name": name, "version": ["const": "$LATEST"],
                "revision": ["type": "string", "format": "uuid", "description": "Another with each deployment."],
            ] as JSON).with(configuration).with([
                "layers": ["type": "integer", "minimum": 0, "maximum": .integer(Int64(Deployment.mostLayers))],
                "extensions": [
                    "type": "array", "items": ["type": "string"],
                    "description": "Those that its layers bring, by name.",
                ],
                "bootstrap": [
                    "type": ["string", "null"], "description": "The runtime that the function brings itself.",
                ],
                "code_size": ["type": "integer", "minimum": 0], "code_sha256": ["type": "string"], "modified": time,
            ]),
    ]

    private static let deployment: JSON = [
        "type": "object", "additionalProperties": false,
        "description": "A new function needs code; one that is there keeps its own if none is given.",
        "properties": configuration.with([
            "code": .schema("Tree"),
            "layers": [
                "type": "array", "items": .schema("Tree"), "maxItems": .integer(Int64(Deployment.mostLayers)),
                "description":
                    "In the order in which they are put over each other in /opt. They need the code beside them.",
            ],
        ]),
    ]

    private static let tree: JSON = [
        "description": .text(
            "Files: an archive, or texts by path. All of a function's are at most \(Deployment.mostUnpacked) bytes unpacked."
        ),
        "oneOf": [
            [
                "type": "object", "required": ["zip"], "additionalProperties": false,
                "properties": [
                    "zip": [
                        "type": "string", "contentEncoding": "base64", "contentMediaType": "application/zip",
                        "maxLength": .integer(Int64((Deployment.longestArchive + 2) / 3 * 4)),
                    ]
                ],
            ],
            [
                "type": "object", "required": ["files"], "additionalProperties": false,
                "properties": [
                    "files": [
                        "type": "object", "additionalProperties": ["type": "string"],
                        "description":
                            "Paths are relative, without '..'. A text that begins with #! is made executable.",
                    ]
                ],
            ],
        ],
    ]

    // MARK: environments

    private static let microseconds: JSON = ["type": "integer", "minimum": 0, "description": "Microseconds."]

    private static let environment: JSON = [
        "type": "object", "additionalProperties": false,
        "required": ["id", "function", "revision", "state", "frozen", "served", "log_stream", "phases"],
        "properties": [
            "id": ["type": "string", "pattern": "^[0-9a-f]{16}$"], "function": name,
            "revision": ["type": "string", "format": "uuid"],
            "state": state, "frozen": ["type": "boolean"],
            "served": ["type": "integer", "minimum": 0, "description": "Events that were given to it."],
            "log_stream": ["type": "string"],
            "phases": [
                "type": "object", "required": ["sandbox_us", "restore_us", "init_us"],
                "additionalProperties": false,
                "properties": ["sandbox_us": microseconds, "restore_us": microseconds, "init_us": microseconds],
            ],
        ],
    ]

    private static let state: JSON = ["enum": .list(EnvironmentLife.Phase.allCases.map { .text($0.rawValue) })]

    private static let start: JSON = [
        "oneOf": [
            [
                "type": "object", "required": ["function"], "additionalProperties": false,
                "properties": ["function": name], "description": "A function that is deployed.",
            ],
            [
                "allOf": [.schema("Deployment"), ["required": ["code"]]],
                "description": "A function that lives as long as the environment.",
            ],
        ]
    ]

    private static let eventLine: JSON = [
        "type": "object", "required": ["time", "event"], "additionalProperties": false,
        "properties": [
            "time": time, "event": ["enum": ["environment", "snapshot", "refused", "fault"]],
            "environment": ["type": "string"], "function": name, "state": ["type": "string"],
            "because": ["enum": .list(EnvironmentLife.Event.allCases.map { .text($0.rawValue) })],
            "reason": ["type": "string"],
        ],
    ]

    // MARK: small ones

    static let name: JSON = ["type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"]
    private static let time: JSON = ["type": "string", "format": "date-time"]

    private static let error: JSON = [
        "type": "object", "required": ["type", "message", "action"], "additionalProperties": false,
        "properties": [
            "type": ["type": "string", "description": "For programs."],
            "message": ["type": "string", "description": "What is wrong."],
            "action": ["type": "string", "description": "What to do."],
        ],
    ]

    private static let initError: JSON = [
        "type": "object", "required": ["type", "message", "action", "error_type"], "additionalProperties": false,
        "properties": [
            "type": ["const": "InitFailed"], "message": ["type": "string"], "action": ["type": "string"],
            "error_type": ["type": "string", "description": "As AWS Lambda names it, such as Runtime.ExitError."],
        ],
    ]
}
