import Lambda
import Testing
import Wire

@testable import Service

@Suite struct ControlRoutes {
    @Test(arguments: [
        ("/healthz", ControlRoute.health), ("/metrics", .metrics), ("/openapi.json", .openAPI),
        ("/v1/functions", .functions), ("/v1/functions/a-B_9", .function("a-B_9")),
        ("/v1/functions/%61", .function("a")), ("/v1/functions/functions/invoke", .invokeFunction("functions")),
        ("/v1/functions/f/logs", .logs("f")), ("/v1/environments", .environments),
        ("/v1/environments/e", .environment("e")), ("/v1/environments/e/invoke", .invokeEnvironment("e")),
        ("/v1/events", .events), ("/v1/functions/f/snapshot", .snapshot("f")), ("/v1/snapshots", .snapshots),
        ("/v1/pools", .pools),
    ]) func thatThereAre(_ path: String, _ route: ControlRoute) {
        #expect(ControlRoute(path: path) == route)
    }

    @Test(arguments: [
        "", "*", "/", "/v1", "/v1/", "/v2/functions", "//healthz", "/healthz/", "/v1/functions/",
        "/v1/functions//invoke",
        "/v1/functions/a.b", "/v1/functions/../x", "/v1/functions/%2e%2e", "/v1/functions/a%2Fb", "/v1/functions/%00",
        "/v1/functions/%zz", "/v1/functions/f/", "/v1/functions/f/Invoke", "/v1/functions/f/invoke/",
        "/v1/environments/e/logs", "/v1/events/x", "/v1/nothing", "/v1/functions/f/snapshots",
        "/v1/functions//snapshot", "/v1/pools/f", "/v1/snapshots/f", "/V1/functions", "/openapi",
    ]) func thatThereAreNot(_ path: String) {
        #expect(ControlRoute(path: path) == nil)
    }
}

@Suite struct OpenAPIDocument {
    let document = OpenAPI.document

    /// Where a route is found; a route that is new has no place here before it is described.
    static func path(_ route: ControlRoute) -> String {
        switch route {
        case .health: "/healthz"
        case .metrics: "/metrics"
        case .openAPI: "/openapi.json"
        case .functions: "/v1/functions"
        case .function: "/v1/functions/{name}"
        case .invokeFunction: "/v1/functions/{name}/invoke"
        case .logs: "/v1/functions/{name}/logs"
        case .snapshot: "/v1/functions/{name}/snapshot"
        case .snapshots: "/v1/snapshots"
        case .pools: "/v1/pools"
        case .environments: "/v1/environments"
        case .environment: "/v1/environments/{id}"
        case .invokeEnvironment: "/v1/environments/{id}/invoke"
        case .events: "/v1/events"
        }
    }

    static let routes: [ControlRoute] = [
        .health, .metrics, .openAPI, .functions, .function("x"), .invokeFunction("x"), .logs("x"), .environments,
        .environment("x"), .invokeEnvironment("x"), .events, .snapshot("x"), .snapshots, .pools,
    ]

    @Test func hasEveryRouteAndMethodAndNothingElse() {
        let described = (document["paths"]?.object ?? []).flatMap { path, operations in
            (operations.object ?? []).map { "\($0.0.uppercased()) \(path)" }
        }
        let served = Self.routes.flatMap { route in route.methods.map { "\($0.rawValue) \(Self.path(route))" } }
        #expect(described.sorted() == served.sorted())
    }

    @Test func everyPathLeadsToItsRoute() {
        for route in Self.routes {
            let path = Self.path(route).split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }.joined(
                separator: "/")
            #expect(ControlRoute(path: "/" + path) == route)
        }
    }

    @Test func isJSONThatCanBeRead() throws {
        #expect(try JSON(parsing: OpenAPI.bytes) == document)
    }

    @Test func everyReferenceLeadsSomewhereAndEveryComponentIsUsed() {
        var used: Set<String> = []
        func visit(_ json: JSON) {
            for (name, value) in json.object ?? [] {
                if name == "$ref", let target = value.text { used.insert(target) }
                visit(value)
            }
            for item in json.list ?? [] { visit(item) }
        }
        visit(document)
        var there: Set<String> = []
        for (kind, parts) in document["components"]?.object ?? [] {
            for (name, _) in parts.object ?? [] { there.insert("#/components/\(kind)/\(name)") }
        }
        #expect(used == there)
    }

    @Test func everyOperationHasAnIdOfItsOwnAndWordsForIt() {
        var ids: Set<String> = []
        for (_, operations) in document["paths"]?.object ?? [] {
            for (_, operation) in operations.object ?? [] {
                let (isNew, _) = ids.insert(operation["operationId"]?.text ?? "")
                #expect(isNew)
                #expect(operation["summary"]?.text?.hasSuffix(".") == true)
            }
        }
        #expect(ids.count == Self.routes.reduce(0) { $0 + $1.methods.count })
    }

    @Test func everyMemberOfAConfigurationIsDescribed() {
        let schemas = document["components"]?["schemas"]
        let described = Set((schemas?["Deployment"]?["properties"]?.object ?? []).map(\.0))
        #expect(described == Set(FunctionConfiguration().members.map(\.0) + ["code", "layers"]))
    }
}
