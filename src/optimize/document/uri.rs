//! URIs of buffers and images: what is a file beside the .gltf, and the bytes that a `data:` URI holds.
//!
//! Nothing is fetched. Next: [`super::read`] asks for the bytes, the command line for the files.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

const DATA: &str = "data:";

/// Base64 with or without its padding, as browsers take it in `data:` URIs.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether a URI names a file, and is neither data nor a web address. A file's name may hold a colon, as `a:b.png` does.
#[must_use]
pub fn is_file(uri: &str) -> bool {
    let is_scheme = |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
        // One letter alone is a drive.
        text.len() > 1
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(is_allowed)
    };
    let is_address = uri.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme));
    !is_address && !uri.starts_with(DATA)
}

/// The bytes of a `data:` URI in base64. `None` for any other URI; an inner `None` where it is not valid.
#[must_use]
pub fn data(uri: &str) -> Option<Option<Vec<u8>>> {
    let text = uri.strip_prefix(DATA)?;
    let Some((_, text)) = text.split_once(";base64,") else { return Some(None) };
    // `+` and `=` may be written as `%2B` and `%3D`; whatever is not percent-encoded costs no copy.
    let text = std::borrow::Cow::from(percent_decode_str(text.trim_end()));
    Some(LENIENT.decode(text.trim_ascii_end()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any colon made a web address of a name, and the file beside the model was not looked for.
    #[test]
    fn regression_a_file_name_may_hold_a_colon() {
        for file in ["a.png", "a:b.png", "folder/a b:c.bin", "1:2//3.png", "C://a.png", ""] {
            assert!(is_file(file), "{file}");
        }
        for other in ["data:image/png;base64,AA==", "https://host/a.png", "ipfs+x://a", "file:///a.png"] {
            assert!(!is_file(other), "{other}");
        }
    }

    /// Who encodes a URI as a whole writes `%2B` for `+`; that was called invalid.
    #[test]
    fn regression_base64_may_be_percent_encoded() {
        for text in ["+/8=", "%2B%2F8%3D", "%2b/8%3d", "+/8", "+/8=%0A", "+/8=\n"] {
            let uri = format!("data:application/octet-stream;base64,{text}");
            assert_eq!(data(&uri), Some(Some(vec![0xFB, 0xFF])), "{text}");
        }
        assert_eq!(data("data:;base64,%%"), Some(None));
        assert_eq!(data("data:text/plain,a"), Some(None));
        assert_eq!(data("a.bin"), None);
    }
}
