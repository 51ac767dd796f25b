//! Numbers as people read them.

use std::time::Duration;

/// Bytes in decimal units with three digits: `999 B`, `9.37 MB`.
pub(super) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let decimals = if unit == "B" || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {unit}")
}

/// A part of a whole in per cent with one decimal: `12.3 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let percent = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    format!("{percent:.1} %")
}

/// A time that is only guessed: `5 s`, `40 s`, `3 min`.
pub(super) fn about(time: Duration) -> String {
    const STEP: u64 = 5;
    let seconds = time.as_secs().next_multiple_of(STEP).max(STEP);
    if seconds < 100 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessed_times_are_round() {
        let shown = [0.2, 7.0, 41.5, 99.0, 121.0].map(|seconds| about(Duration::from_secs_f64(seconds)));
        assert_eq!(shown, ["5 s", "10 s", "45 s", "2 min", "3 min"]);
    }

    #[test]
    fn three_digits_are_shown() {
        let shown = [0, 999, 1000, 9_374_308, 34_230_288, 123_456_789, 999_999].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.00 kB", "9.37 MB", "34.2 MB", "123 MB", "1.00 MB"]);
        assert_eq!(percent(1, 8), "12.5 %");
        assert_eq!(percent(1, 0), "0.0 %");
    }
}
