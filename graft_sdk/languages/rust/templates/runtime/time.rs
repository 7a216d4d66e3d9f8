//! Points in time, which the standard library cannot write.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Error;

const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// A point in time in UTC, to the nanosecond, in the years 1 to 9999; it begins with 1970.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    seconds: i64,
    nanosecond: u32,
}

impl DateTime {
    /// Makes one of the seconds since 1970 and the nanoseconds behind them; none where that is no such time.
    pub fn new(seconds: i64, nanosecond: u32) -> Option<Self> {
        let fits = (FIRST..=LAST).contains(&seconds) && nanosecond < 1_000_000_000;
        fits.then_some(Self {
            seconds,
            nanosecond,
        })
    }

    /// The current time.
    pub fn now() -> Self {
        Self::try_from(SystemTime::now()).unwrap_or_default()
    }

    /// Seconds since 1970, rounded down.
    pub fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds beyond those seconds.
    pub fn nanosecond(&self) -> u32 {
        self.nanosecond
    }
}

impl TryFrom<SystemTime> for DateTime {
    type Error = Error;

    fn try_from(time: SystemTime) -> Result<Self, Error> {
        let found = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs())
                .ok()
                .and_then(|seconds| Self::new(seconds, since.subsec_nanos())),
            Err(error) => {
                let before = error.duration();
                let up = u32::from(before.subsec_nanos() > 0);
                let nanosecond = up * 1_000_000_000 - before.subsec_nanos();
                i64::try_from(before.as_secs())
                    .ok()
                    .and_then(|seconds| Self::new(-seconds - i64::from(up), nanosecond))
            }
        };
        found.ok_or_else(|| Error::Usage("the time is not in the years 1 to 9999".into()))
    }
}

impl From<DateTime> for SystemTime {
    fn from(time: DateTime) -> Self {
        let seconds = Duration::from_secs(time.seconds.unsigned_abs());
        let whole = if time.seconds < 0 {
            UNIX_EPOCH - seconds
        } else {
            UNIX_EPOCH + seconds
        };
        whole + Duration::from_nanos(time.nanosecond.into())
    }
}

impl fmt::Display for DateTime {
    /// Writes RFC 3339, such as `2026-01-01T00:00:00.5Z`.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            to,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.nanosecond > 0 {
            let fraction = format!("{:09}", self.nanosecond);
            write!(to, ".{}", fraction.trim_end_matches('0'))?;
        }
        write!(to, "Z")
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{self}")
    }
}

impl FromStr for DateTime {
    type Err = Error;

    /// Reads RFC 3339, and the form without dashes that keys of maps have; without a time zone it is UTC.
    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).ok_or_else(|| {
            Error::Usage("a point in time is written as 2026-01-01T00:00:00Z".to_owned())
        })
    }
}

/// Reads a time that the declarations have; not all have one.
#[allow(dead_code)]
pub(crate) fn moment(text: &str) -> DateTime {
    read(text).unwrap_or_default()
}

fn read(text: &str) -> Option<DateTime> {
    if !text.is_ascii() {
        return None;
    }
    let (date, time) = text.split_once(['T', 't'])?;
    let date = date.replace('-', "");
    let end = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(end);
    let (time, fraction) = time.split_once(['.', ',']).unwrap_or((time, ""));
    let time = time.replace(':', "");
    if date.len() != 8 || time.len() != 6 || fraction.len() > 9 {
        return None;
    }
    let (year, month, day) = (
        number(&date[..4])?,
        number(&date[4..6])?,
        number(&date[6..])?,
    );
    let (hour, minute, second) = (
        number(&time[..2])?,
        number(&time[2..4])?,
        number(&time[4..])?,
    );
    let nanosecond = number(&format!("{fraction:0<9}"))?;
    let fits = (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    let days = days_of(year, month, day);
    // A day that its month does not have would be one of the next.
    if !fits || date_of(days) != (year, month, day) {
        return None;
    }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    DateTime::new(seconds, u32::try_from(nanosecond).ok()?)
}

/// Reads a time zone, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let digits = zone.get(1..)?.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    let seconds = hours * 3600 + minutes * 60;
    Some(if zone.starts_with('-') {
        -seconds
    } else {
        seconds
    })
}

fn number(digits: &str) -> Option<i64> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Counts the days since 1970 in the calendar of Gregory; years begin with March here, so that leap days come last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
