//! HTML that is put together without anything from outside ever being taken for HTML.

use crate::report::shown::plain;

/// Characters of one text.
const TEXT_MAX: usize = 600;

/// A page in the making. What is not written in the program goes through [`Html::text`] and its kin.
#[derive(Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    /// HTML of our own.
    pub(super) fn raw(&mut self, html: &'static str) -> &mut Self {
        self.out.push_str(html);
        self
    }

    /// A text of one line, whatever is in it.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape(&plain(text, TEXT_MAX), &mut self.out);
        self
    }

    /// A text with line breaks, all of it.
    pub(super) fn lines(&mut self, text: &str) -> &mut Self {
        for line in text.lines() {
            escape(&plain(line, usize::MAX), &mut self.out);
            self.out.push('\n');
        }
        self
    }

    /// A number of a picture.
    pub(super) fn number(&mut self, number: f64) -> &mut Self {
        let number = if number.is_finite() { number } else { 0.0 };
        let text = format!("{number:.2}");
        self.out.push_str(text.trim_end_matches('0').trim_end_matches('.'));
        self
    }

    /// An element with a text in it.
    pub(super) fn element(&mut self, open: &'static str, text: &str, close: &'static str) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_html() {
        let mut html = Html::default();
        html.text("</title><script>alert(\"1\")</script>&amp;'\u{202e}\n");
        let text = html.finish();
        assert_eq!(
            text,
            "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;\\u{202e}\\u{a}"
        );
    }

    #[test]
    fn a_number_is_short_and_never_a_word() {
        for (number, text) in
            [(1.0, "1"), (0.126, "0.13"), (f64::NAN, "0"), (f64::INFINITY, "0"), (10.0, "10")]
        {
            let mut html = Html::default();
            html.number(number);
            assert_eq!(html.finish(), text);
        }
    }
}
