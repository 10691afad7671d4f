#if canImport(Glibc)
    import Glibc
#endif

/// Both at once, as the system's library has them.
func sineAndCosine(_ angle: Double) -> (sine: Double, cosine: Double) { (sin(angle), cos(angle)) }
