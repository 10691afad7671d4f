import Glibc

/// Natural logarithm.
func logarithm(_ x: Double) -> Double { log(x) }
