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

    @Test(arguments: ["martlet-", "martlet-x", "martlet-4094", "martlet--1", "other-1", "martlet-1.scope", ""])
    func otherGroupsAreNotOurs(_ name: String) { #expect(UserBlock(groupName: name) == nil) }
}
