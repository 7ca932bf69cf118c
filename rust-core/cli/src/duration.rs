//! Durations on the command line.

use std::time::Duration;

/// `250ms`, `5m`, `1h 30m`; a bare number is refused: a script that means milliseconds would get seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "it takes a duration such as 250ms, 90s, 5m or 1h 30m".to_owned())
        .and_then(|duration| match duration.is_zero() {
            true => Err("it takes at least 1ms".to_owned()),
            false => Ok(duration),
        })
}

/// Whole milliseconds, rounded up so that nothing lives shorter than it was told.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// `1m 30s`; below a minute with milliseconds.
pub(crate) fn shown(ms: u64) -> String {
    let whole = if ms < 60_000 { ms } else { ms - ms % 1_000 };
    humantime::format_duration(Duration::from_millis(whole)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_fractions_of_a_millisecond_round_up() {
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(milliseconds(parse("1500us").unwrap()), 2);
        assert!(parse("300").is_err() && parse("0s").is_err() && parse("soon").is_err());
    }
}
