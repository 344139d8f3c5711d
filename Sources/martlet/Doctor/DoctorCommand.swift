import Glibc
enum DoctorCommand { static func run(_ a: [String]) -> Int32 { 0 } }
