import Testing

@testable import Sandbox

@Suite struct UserBlocksTests {
    @Test func blocksDoNotOverlap() {
        let first = UserBlock(index: 0)
        let second = UserBlock(index: 1)
        #expect(first.base + UserBlock.size == second.base)
        #expect(UserBlock(index: UserBlock.count - 1).base <= 0x7ffe_0000 - UserBlock.size)
    }

    @Test func aGroupsNameLeadsBackToItsBlock() {
        let block = UserBlock(index: 4093)
        #expect(UserBlock(groupName: block.groupName) == block)
    }

    @Test func theGroupsOfTheEnginesOwnProcessesSayWhatTheyAre() {
        let block = UserBlock(index: 17)
        #expect(block.groupName(of: .capture) == "martlet-capture-17")
        for kind in WorkGroup.Kind.allCases { #expect(UserBlock(groupName: block.groupName(of: kind)) == block) }
    }

    @Test(arguments: ["martlet-capture", "martlet-capture-", "martlet-capture-4094", "martlet-capture-template-1"])
    func onlyTheirNamesAreOurs(_ name: String) { #expect(UserBlock(groupName: name) == nil) }

    @Test(arguments: ["martlet-", "martlet-x", "martlet-4094", "martlet--1", "other-1", "martlet-1.scope", ""])
    func otherGroupsAreNotOurs(_ name: String) { #expect(UserBlock(groupName: name) == nil) }
}
