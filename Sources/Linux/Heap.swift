// The C library's heap, as a process that is forked many times wants it.

internal import CLinux
import Glibc

package enum Heap {
    /// Above this, an allocation is likely to be memory of its own.
    private static let largest = 96 * 1024

    /// More than `largest`, which has to lie in the heap.
    private static let mapped: Int32 = 128 * 1024

    /// An allocation of so much is memory of its own, for good: glibc would raise the mark with the first one given back.
    package static func keepLargeBlocksApart() { clibc_map_from(mapped) }

    /// Gives back what lies free, also between allocations.
    package static func giveBack() { clibc_give_back() }

    /// Takes what lies free between allocations, for good. What is allocated from here on lies together at the heap's
    /// end: each child that allocates a little makes few pages its own, not one page for each thing.
    package static func fillHoles() {
        var sizes = stride(from: 1024, through: 16, by: -16).map { $0 }
        sizes.insert(contentsOf: [64, 32, 16, 8, 4, 2].map { $0 * 1024 }, at: 0)
        guard let end = unsafe malloc(largest) else { return }
        unsafe free(end)
        for size in sizes {
            // Below the end it fills a hole; never given back.
            while let place = unsafe malloc(size) {
                guard unsafe place < end else {
                    unsafe free(place)
                    break
                }
            }
        }
    }
}
