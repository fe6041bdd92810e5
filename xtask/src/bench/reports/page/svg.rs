//! Drawings inside the page: shapes at percents of the width, so that one drawing fits
//! every width without its lines or letters being stretched.

use std::fmt::Write;

use super::markup::escape;

/// An `svg` element under construction.
#[derive(Debug)]
pub(super) struct Svg(String);

impl Svg {
    /// A picture with a name and a description for those who do not see it.
    pub(super) fn picture(class: &str, title: &str, description: &str) -> Self {
        let (title, description) = (escape(title), escape(description));
        Self(format!(
            "<svg class=\"{class}\" role=\"img\"><title>{title}</title><desc>{description}</desc>"
        ))
    }

    /// A drawing that says nothing which the text beside it does not.
    pub(super) fn decoration(class: &str) -> Self {
        Self(format!("<svg class=\"{class}\" aria-hidden=\"true\">"))
    }

    /// A rectangle from one percent of the width to another, in pixels of the height.
    pub(super) fn band(mut self, class: &str, from: f64, to: f64, top: f64, height: f64) -> Self {
        let (from, to) = (from.min(to), from.max(to));
        let _ = write!(
            self.0,
            "<rect class=\"{class}\" x=\"{from:.2}%\" y=\"{top}\" width=\"{:.2}%\" height=\"{height}\"/>",
            to - from
        );
        self
    }

    /// A vertical line at a percent of the width, from the top to the bottom.
    pub(super) fn upright(mut self, class: &str, at: f64) -> Self {
        let _ = write!(
            self.0,
            "<line class=\"{class}\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"0\" y2=\"100%\"/>"
        );
        self
    }

    /// Letters in the middle of a percent of the width.
    pub(super) fn letters(mut self, class: &str, at: f64, baseline: f64, text: &str) -> Self {
        let text = escape(text);
        let _ =
            write!(self.0, "<text class=\"{class}\" x=\"{at:.2}%\" y=\"{baseline}\">{text}</text>");
        self
    }

    /// A path in a box of its own that is stretched over the whole.
    pub(super) fn stretched(mut self, width: usize, height: f64, path: &str) -> Self {
        let _ = write!(
            self.0,
            "<svg viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\"><path d=\"{path}\"/></svg>"
        );
        self
    }

    pub(super) fn done(mut self) -> String {
        self.0.push_str("</svg>");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_drawing_is_closed_and_named() {
        let svg = Svg::picture("track", "a <b>", "c & d").band("bar", 50.0, 20.0, 1.0, 9.0).done();
        let want = "<svg class=\"track\" role=\"img\"><title>a &lt;b&gt;</title><desc>c &amp; d</desc>\
                    <rect class=\"bar\" x=\"20.00%\" y=\"1\" width=\"30.00%\" height=\"9\"/></svg>";
        assert_eq!(svg, want);
    }

    proptest! {
        #[test]
        fn no_text_becomes_an_element(text in "\\PC*") {
            let svg = Svg::picture("a", &text, &text).letters("b", 1.0, 2.0, &text).done();
            let tags = svg.matches('<').count();
            prop_assert_eq!((tags, svg.matches('>').count()), (8, 8));
        }
    }
}
