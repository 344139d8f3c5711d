// The variables that the processes of an environment get. What a later rule sets wins: the function's own, then the
// engine's.

import Lambda

enum ProcessEnvironment {
    static func ofRuntime(in environment: Environment) -> [String] {
        let function = environment.function
        let configuration = function.configuration
        var variables = Variables()
        for variable in general(environment) { variables.set(variable.0, variable.1) }
        for variable in family(configuration.runtime) { variables.set(variable.0, variable.1) }
        for variable in configuration.environment { variables.set(variable.name, variable.value) }
        variables.set("_HANDLER", configuration.handler)
        variables.set("LAMBDA_TASK_ROOT", "/var/task")
        variables.set("LAMBDA_RUNTIME_DIR", "/var/runtime")
        // All that are restored would have the same: as in AWS, they have none.
        if !environment.isSnapStart {
            variables.set("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/\(function.name)")
            variables.set("AWS_LAMBDA_LOG_STREAM_NAME", environment.logStream)
        } else if environment.maker?.warmsUp == true, RuntimeCommand.isOurs(function) {
            variables.set("MARTLET_WARM_UP", "1")
        }
        if !configuration.runtime.hasPrefix("provided") {
            variables.set("AWS_EXECUTION_ENV", "AWS_Lambda_\(configuration.runtime)")
        }
        if configuration.logFormat == .json {
            variables.set("AWS_LAMBDA_LOG_FORMAT", "JSON")
            variables.set("AWS_LAMBDA_LOG_LEVEL", configuration.logLevel)
        }
        if environment.hasRuntimeSocket { variables.set("MARTLET_RUNTIME_SOCKET", RuntimeAPI.socketName) }
        return reserved(variables, environment)
    }

    /// Extensions see the function's variables, and nothing that is about its runtime.
    static func ofExtension(in environment: Environment) -> [String] {
        var variables = Variables()
        for variable in general(environment) { variables.set(variable.0, variable.1) }
        for variable in environment.function.configuration.environment where !variable.name.hasPrefix("_") {
            variables.set(variable.name, variable.value)
        }
        return reserved(variables, environment)
    }

    private static func general(_ environment: Environment) -> [(String, String)] {
        [
            ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"), ("LANG", "C.UTF-8"), ("TZ", ":UTC"),
            (
                "LD_LIBRARY_PATH",
                "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
            ),
            ("HOME", "/tmp"), ("PWD", "/var/task"),
            // So that AWS's libraries find some, and fail at their first request instead of looking for a server.
            ("AWS_ACCESS_KEY_ID", "martlet"), ("AWS_SECRET_ACCESS_KEY", "martlet"), ("AWS_SESSION_TOKEN", "martlet"),
            ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ]
    }

    private static func family(_ runtime: String) -> [(String, String)] {
        if runtime.hasPrefix("python") { return [("PYTHONPATH", "/var/runtime")] }
        if runtime.hasPrefix("nodejs") {
            let version = runtime.dropFirst(6).prefix { $0 != "." }
            let places = [
                "/opt/nodejs/node\(version)/node_modules", "/opt/nodejs/node_modules", "/var/runtime/node_modules",
                "/var/runtime", "/var/task",
            ]
            return [("NODE_PATH", places.joined(separator: ":"))]
        }
        return []
    }

    private static func reserved(_ variables: Variables, _ environment: Environment) -> [String] {
        let function = environment.function
        var variables = variables
        variables.set("AWS_REGION", environment.engine.settings.place.region)
        variables.set("AWS_DEFAULT_REGION", environment.engine.settings.place.region)
        variables.set("AWS_LAMBDA_FUNCTION_NAME", function.name)
        variables.set("AWS_LAMBDA_FUNCTION_VERSION", function.version)
        variables.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", String(function.configuration.memoryMB))
        variables.set("AWS_LAMBDA_INITIALIZATION_TYPE", environment.initType.rawValue)
        variables.set("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
        return variables.all
    }

    private struct Variables {
        private(set) var all: [String] = []

        mutating func set(_ name: String, _ value: String) {
            let start = name + "="
            if let index = all.firstIndex(where: { $0.hasPrefix(start) }) {
                all[index] = start + value
            } else {
                all.append(start + value)
            }
        }
    }
}

/// What is started as the runtime of a function.
enum RuntimeCommand {
    static func of(_ function: FunctionVersion) -> [String] {
        // A managed runtime has a bootstrap of its own; otherwise the function or a layer brings one.
        if isOurs(function) { return ["/var/runtime/bootstrap"] }
        return [function.content.figures.bootstrap ?? "/var/task/bootstrap"]
    }

    static func isOurs(_ function: FunctionVersion) -> Bool { !function.configuration.runtime.hasPrefix("provided") }
}
