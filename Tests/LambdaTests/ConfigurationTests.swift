import Lambda
import Testing
import Wire

private func configuration(_ text: String, others: [String] = []) throws -> FunctionConfiguration {
    try FunctionConfiguration(json: JSON(parsing: Array(text.utf8)), others: others)
}

@Suite struct Configurations {
    @Test func nothingGivenIsWhatLambdaGives() throws {
        let plain = try configuration("{}")
        #expect(plain == FunctionConfiguration())
        #expect(plain.memoryMB == 128 && plain.timeoutSeconds == 3 && plain.tmpMB == 512)
    }

    @Test func comeBackAsTheyWent() throws {
        let all = try configuration(
            """
            {"runtime": "python3.11", "handler": "a.b", "memory": 256, "timeout": 900, "tmp": 1024,
             "environment": {"A1": "b", "C_d": ""}, "log_format": "JSON", "log_level": "DEBUG", "description": "é",
             "snapshot": true, "warm_up": [{"a": [1, 2.5]}, null, "x"], "provisioned": 3, "reserved": 9,
             "start": "pooled"}
            """)
        #expect(all.warmUp == [#"{"a":[1,2.5]}"#, "null", "\"x\""])
        #expect(try FunctionConfiguration(json: .object(all.members), others: []) == all)
        #expect(all.environment.map(\.name) == ["A1", "C_d"])
    }

    @Test(arguments: [
        #"{"memory": 128}"#, #"{"memory": 10240}"#, #"{"timeout": 1}"#, #"{"timeout": 900}"#, #"{"tmp": 512}"#,
        #"{"tmp": 10240}"#, #"{"runtime": "provided.al2023"}"#, #"{"environment": {}}"#,
        #"{"environment": {"Ab": "é\n"}}"#, #"{"handler": "é.x"}"#, #"{"code": 1}"#,
    ]) func withinTheirLimits(_ text: String) throws {
        _ = try configuration(text, others: ["code"])
    }

    @Test(arguments: [
        #"{"snapshot": 1}"#, #"{"provisioned": 1}"#, #"{"snapshot": true, "provisioned": 1001}"#,
        #"{"snapshot": true, "provisioned": 3, "reserved": 2}"#, #"{"reserved": 0}"#, #"{"start": "hot"}"#,
        #"{"start": "restore"}"#, #"{"start": "pooled"}"#, #"{"warm_up": [1]}"#, #"{"snapshot": true, "warm_up": {}}"#,
        #"{"snapshot": true, "warm_up": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}"#,
        #"{"environment": {"MARTLET_WARM_UP": "1"}}"#,
    ]) func startsThatCannotBe(_ text: String) throws {
        #expect(throws: FunctionConfiguration.Invalid.self) { try configuration(text) }
    }

    @Test func warmUpHasItsBound() throws {
        let event = String(repeating: "x", count: 256 * 1024 - 2)
        _ = try configuration(#"{"snapshot": true, "warm_up": ["\#(event)"]}"#)
        #expect(throws: FunctionConfiguration.Invalid.self) {
            try configuration(#"{"snapshot": true, "warm_up": ["\#(event)x"]}"#)
        }
    }

    @Test(arguments: [
        "[]", "null", "\"x\"", #"{"memory": 127}"#, #"{"memory": 10241}"#, #"{"memory": 128.5}"#, #"{"memory": "128"}"#,
        #"{"memory": -1}"#, #"{"memory": 4294967424}"#, #"{"memory": null}"#, #"{"timeout": 0}"#, #"{"timeout": 901}"#,
        #"{"tmp": 511}"#, #"{"tmp": 10241}"#, #"{"runtime": ""}"#, #"{"runtime": "../x"}"#, #"{"runtime": ".x"}"#,
        #"{"runtime": "a/b"}"#, #"{"runtime": "a\u0000"}"#, #"{"runtime": 1}"#, #"{"runtime": "python3.11"}"#,
        #"{"runtime": "python3.11", "handler": ""}"#, #"{"handler": "a b"}"#, #"{"handler": "a\nb"}"#,
        #"{"handler": "a\u0000b"}"#, #"{"handler": 1}"#, #"{"environment": []}"#, #"{"environment": {"A1": 1}}"#,
        #"{"environment": {"A1": "\u0000"}}"#, #"{"environment": {"A": "x"}}"#, #"{"environment": {"1A": "x"}}"#,
        #"{"environment": {"_A": "x"}}"#, #"{"environment": {"A-B": "x"}}"#, #"{"environment": {"é1": "x"}}"#,
        #"{"environment": {"": "x"}}"#, #"{"environment": {"AWS_REGION": "x"}}"#,
        #"{"environment": {"AWS_LAMBDA_RUNTIME_API": "x"}}"#, #"{"log_format": "text"}"#, #"{"log_format": 1}"#,
        #"{"log_level": "info"}"#, #"{"description": 1}"#, #"{"memroy": 128}"#, #"{"code": 1}"#,
    ]) func beyondTheirLimits(_ text: String) throws {
        #expect(throws: FunctionConfiguration.Invalid.self) { try configuration(text) }
    }

    @Test(arguments: [
        ("handler", 128), ("description", 256),
    ]) func textsOfTheLongestLength(_ member: String, _ most: Int) throws {
        let text = String(repeating: "x", count: most)
        _ = try configuration("{\"\(member)\": \"\(text)\"}")
        #expect(throws: FunctionConfiguration.Invalid.self) { try configuration("{\"\(member)\": \"\(text)x\"}") }
    }

    @Test func environmentsOfTheMostBytes() throws {
        // A name of two bytes.
        let text = String(repeating: "x", count: 4094)
        _ = try configuration("{\"environment\": {\"Ab\": \"\(text)\"}}")
        #expect(throws: FunctionConfiguration.Invalid.self) {
            try configuration("{\"environment\": {\"Abc\": \"\(text)\"}}")
        }
    }

    @Test func runtimesOfTheLongestName() {
        #expect(FunctionConfiguration.isRuntimeName(String(repeating: "a", count: 64)))
        #expect(!FunctionConfiguration.isRuntimeName(String(repeating: "a", count: 65)))
    }
}
