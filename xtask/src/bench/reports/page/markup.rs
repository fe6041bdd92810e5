//! Text and numbers as parts of the page.

use std::borrow::Cow;

/// Data as text of the page.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// A ratio with as many digits as it deserves: 0.034, 0.34, 3.4, 34.
pub(crate) fn ratio(value: f64) -> String {
    match value {
        v if v < 0.001 => format!("{v:.1e}"),
        v if v < 0.0995 => format!("{v:.3}"),
        v if v < 9.95 => format!("{v:.2}"),
        v if v < 99.5 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_text_holds_no_markup_and_nothing_is_lost(text in "\\PC*") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            prop_assert_eq!(back.replace("&#39;", "'").replace("&amp;", "&"), text);
        }
    }

    #[test]
    fn ratios_are_short() {
        let cases = [
            (0.0004, "4.0e-4"),
            (0.034, "0.034"),
            (0.34, "0.34"),
            (3.4, "3.40"),
            (34.0, "34.0"),
            (340.0, "340"),
        ];
        for (value, text) in cases {
            assert_eq!(ratio(value), text);
        }
    }
}
