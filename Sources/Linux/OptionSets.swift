// The standard library makes an option set of a literal through a generic function that looks up conformances at run
// time: 0.2 ms the first time, for each type. Sets that stand on the path of a start make theirs with this.

extension Array where Element: OptionSet, Element.RawValue: FixedWidthInteger {
    func reduced() -> Element {
        var bits: Element.RawValue = 0
        for element in self { bits |= element.rawValue }
        return Element(rawValue: bits)
    }
}
