import Glibc

/// Natural logarithm.
func logarithm(_ x: Double) -> Double { log(x) }
/// e^x.
func exponential(_ x: Double) -> Double { exp(x) }
