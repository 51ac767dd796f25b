//! Times as the API, the command line and the log show them.

use std::time::{Duration, UNIX_EPOCH};

/// The last millisecond of the year 9999: the format has no digits for later ones.
const LAST_MS: u64 = 253_402_300_799_999;

/// A time, in milliseconds since 1970, as RFC 3339 writes it: `2023-11-14T22:13:20.123Z`. What is later than the year 9999
/// is shown as its end.
#[must_use]
pub fn rfc3339(time_ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(time_ms.min(LAST_MS))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
