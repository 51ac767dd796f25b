//! How often one client may ask. For people at the page these are out of reach; they stop a script gone wild.

use std::num::NonZeroU32;

use super::{Error, Given, number};

const DEFAULT_UPLOADS_A_MINUTE: u64 = 600;
const DEFAULT_REQUESTS_A_MINUTE: u64 = 6_000;
const EXPECTED: &str = "a whole number a minute, or 0 for no limit";

/// What one client may do in a minute; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Uploads sent, whatever becomes of them; one form is one upload.
    pub uploads: Option<NonZeroU32>,
    /// Everything else.
    pub requests: Option<NonZeroU32>,
}

/// Resolves them; see `config.rs` for what `var` is.
pub(super) fn resolve(var: &dyn Fn(&'static str) -> Given) -> Result<Rates, Error> {
    let rate = |name, default| -> Result<Option<NonZeroU32>, Error> {
        let a_minute = number(var(name), 0, EXPECTED)?.unwrap_or(default);
        Ok(NonZeroU32::new(u32::try_from(a_minute).unwrap_or(u32::MAX)))
    };
    Ok(Rates {
        uploads: rate("RATE_LIMIT_UPLOADS", DEFAULT_UPLOADS_A_MINUTE)?,
        requests: rate("RATE_LIMIT_REQUESTS", DEFAULT_REQUESTS_A_MINUTE)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_minute_and_0_is_none() {
        let of =
            |value: &str| resolve(&|name| (name == "RATE_LIMIT_UPLOADS").then(|| (name, value.to_owned())));
        assert_eq!(of("5").unwrap().uploads, NonZeroU32::new(5));
        assert_eq!(of("0").unwrap().uploads, None);
        assert_eq!(of("0").unwrap().requests, NonZeroU32::new(6_000));
        assert!(of("5/min").unwrap_err().to_string().contains("RATE_LIMIT_UPLOADS"));
    }
}
