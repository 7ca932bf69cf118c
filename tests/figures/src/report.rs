//! What a figure's command says at its end.

use std::fmt;
use std::time::Duration;

/// Lines that were printed, and whether all bars were met.
#[derive(Debug, Default)]
pub struct Report {
    missed: Vec<String>,
}

impl Report {
    /// Prints a figure that has no bar.
    pub fn say(&self, line: impl fmt::Display) {
        println!("{line}");
    }

    /// Prints a figure, and keeps in mind when it misses its bar.
    pub fn judge(&mut self, met: bool, line: impl fmt::Display) {
        println!("{} {line}", if met { "ok    " } else { "MISSED" });
        if !met {
            self.missed.push(line.to_string());
        }
    }

    /// Whether every figure met its bar.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.missed.is_empty()
    }
}

/// The middle, the 99th of a hundred and the greatest of some durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// Half of them are at most so long.
    pub p50: Duration,
    /// All but one of a hundred are at most so long.
    pub p99: Duration,
    /// The longest.
    pub most: Duration,
}

impl Spread {
    /// Of durations in any order.
    #[must_use]
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Spread {
        let mut sorted: Vec<Duration> = durations.into_iter().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or_default()
        };
        Spread {
            count: sorted.len(),
            p50: at(50),
            p99: at(99),
            most: at(100),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let (p50, p99, most) = (ms(self.p50), ms(self.p99), ms(self.most));
        write!(
            formatter,
            "p50 {p50:.1} ms, p99 {p99:.1} ms, most {most:.1} ms of {}",
            self.count
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_of_a_hundred_is_not_the_longest_and_of_few_it_is() {
        let ms = Duration::from_millis;
        let hundred = Spread::of((1..=100).rev().map(ms));
        assert_eq!(
            (hundred.p50, hundred.p99, hundred.most),
            (ms(50), ms(99), ms(100))
        );
        let three = Spread::of([ms(3), ms(1), ms(2)]);
        assert_eq!((three.count, three.p50, three.p99), (3, ms(2), ms(3)));
        assert_eq!(Spread::of([]), Spread::default());
    }
}
