//! Days of the calendar, for templates that compare or compute them: there is no clock and no
//! time zone in here, only what `context.now` says.

use std::fmt;

/// A day of the Gregorian calendar, in the years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    of_month: u8,
}

impl Day {
    /// Reads `YYYY-MM-DD`; nothing when no such day exists.
    pub fn parse(text: &str) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_u16, |number, digit| {
                digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
            })
        };
        let year = number(&[y1, y2, y3, y4])?;
        let month = u8::try_from(number(&[m1, m2])?).ok()?;
        let day = u8::try_from(number(&[d1, d2])?).ok()?;
        ((1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day)).then_some(Self {
            year,
            month,
            of_month: day,
        })
    }

    /// The day in UTC, `seconds` after 1970-01-01T00:00:00Z.
    pub fn at(seconds: u64) -> Self {
        let mut days = seconds / 86_400;
        let mut year = 1970;
        while year < 9999 && days >= days_of_year(year) {
            days -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while month < 12 && days >= u64::from(days_of(year, month)) {
            days -= u64::from(days_of(year, month));
            month += 1;
        }
        let of_month = u8::try_from(days + 1).unwrap_or(31).min(31);
        Self { year, month, of_month }
    }

    /// When the day is over in UTC, in seconds since 1970-01-01T00:00:00Z; 0 for days before that.
    pub fn end(self) -> u64 {
        let years = (1970..self.year).map(days_of_year).sum::<u64>();
        let months = (1..self.month).map(|month| u64::from(days_of(self.year, month))).sum::<u64>();
        if self.year < 1970 { 0 } else { (years + months + u64::from(self.of_month)) * 86_400 }
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The same day so many years later; 28 February where there is no 29th.
    #[must_use]
    pub fn plus_years(self, years: u16) -> Self {
        let year = self.year.saturating_add(years).min(9999);
        Self { year, of_month: self.of_month.min(days_of(year, self.month)), ..self }
    }

    /// How old somebody born on this day is on `today`. Who was born on 29 February completes a
    /// year on 1 March where there is no 29th.
    pub fn age_on(self, today: Self) -> u16 {
        let completed = (today.month, today.of_month) >= (self.month, self.of_month);
        today.year.saturating_sub(self.year).saturating_sub(u16::from(!completed))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.of_month)
    }
}

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_year(year: u16) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn days_of(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap_or_else(|| panic!("{text} is a day"))
    }

    #[test]
    fn only_days_that_exist_are_days() {
        for text in ["2024-02-29", "2000-02-29", "1999-12-31", "0001-01-01"] {
            assert_eq!(day(text).to_string(), text);
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-1-1",
            "26-01-01",
            "2026-01-01Z",
            "2O26-01-01",
            "",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        for text in ["1970-01-01", "1999-12-31", "2024-02-29", "2026-11-22", "9999-12-30"] {
            let (day, end) = (day(text), day(text).end());
            assert_eq!(Day::at(end - 1), day);
            assert!(Day::at(end) > day && end.is_multiple_of(86_400), "{text}");
        }
        assert_eq!(day("1969-12-31").end(), 0);
    }

    #[test]
    fn seconds_become_days_in_utc() {
        assert_eq!(Day::at(0), day("1970-01-01"));
        assert_eq!(Day::at(86_399), day("1970-01-01"));
        assert_eq!(Day::at(86_400), day("1970-01-02"));
        assert_eq!(Day::at(951_782_400), day("2000-02-29"));
        assert_eq!(Day::at(951_868_800), day("2000-03-01"));
        assert_eq!(Day::at(1_793_000_000), day("2026-10-26"));
        assert_eq!(Day::at(u64::MAX).to_string().len(), 10);
    }

    #[test]
    fn a_year_of_age_is_completed_on_the_birthday() {
        let born = day("2008-06-15");
        assert_eq!(born.age_on(day("2026-06-14")), 17);
        assert_eq!(born.age_on(day("2026-06-15")), 18);
        assert_eq!(day("2008-02-29").age_on(day("2026-02-28")), 17);
        assert_eq!(day("2008-02-29").age_on(day("2026-03-01")), 18);
        assert_eq!(born.age_on(day("2000-01-01")), 0);
    }

    #[test]
    fn years_later_is_never_a_day_that_does_not_exist() {
        assert_eq!(day("2024-02-29").plus_years(1), day("2025-02-28"));
        assert_eq!(day("2024-02-29").plus_years(4), day("2028-02-29"));
        assert_eq!(day("9990-01-01").plus_years(20).to_string(), "9999-01-01");
    }
}
