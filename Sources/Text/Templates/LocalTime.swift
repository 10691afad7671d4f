#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A date and a time of day, as the clock on the wall shows it: what `strftime_now` formats.
public struct LocalTime: Equatable, Sendable {
    public var year: Int
    /// 1...12.
    public var month: Int
    /// 1...31.
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    public var microsecond: Int

    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0) {
        self.year = year
        self.month = min(max(month, 1), 12)
        self.day = min(max(day, 1), 31)
        self.hour = min(max(hour, 0), 23)
        self.minute = min(max(minute, 0), 59)
        self.second = min(max(second, 0), 61)
        self.microsecond = min(max(microsecond, 0), 999_999)
    }

    /// The time now in the machine's time zone.
    public static func current() -> LocalTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        var seconds = now.tv_sec
        localtime_r(&seconds, &parts)
        return LocalTime(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min), second: Int(parts.tm_sec), microsecond: now.tv_nsec / 1000)
    }

    /// Days since the first of January, from 0.
    var dayOfYear: Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
        return before + day - 1 + (isLeap && month > 2 ? 1 : 0)
    }

    /// 0 for Sunday.
    var weekday: Int {
        let shifted = month < 3 ? year - 1 : year
        let offset = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][month - 1]
        let day = shifted + shifted / 4 - shifted / 100 + shifted / 400 + offset + day
        return (day % 7 + 7) % 7
    }

    /// The week by ISO 8601 and the year that it belongs to.
    var isoWeek: (year: Int, week: Int) {
        let monday = (weekday + 6) % 7
        let week = (dayOfYear - monday + 10) / 7
        func weeks(in year: Int) -> Int {
            let first = LocalTime(year: year, month: 1, day: 1).weekday
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            return first == 4 || isLeap && first == 3 ? 53 : 52
        }
        if week < 1 { return (year - 1, weeks(in: year - 1)) }
        return week > weeks(in: year) ? (year + 1, 1) : (year, week)
    }
}
