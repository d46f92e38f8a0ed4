//! The pairs of `Cookie` fields, as sent.

use crate::check::trim_blanks;
use crate::{Fields, Known};

/// The name and value pairs of all `Cookie` fields, in order, nothing decoded and quotes kept. Pieces without `=` are
/// left out. Made by [`Fields::cookies`].
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    fields: &'a Fields,
    next_field: usize,
    rest: &'a [u8],
}

impl<'a> Cookies<'a> {
    pub(crate) fn new(fields: &'a Fields) -> Self {
        let next_field = if fields.has(Known::Cookie) { 0 } else { fields.len() };
        Self { fields, next_field, rest: &[] }
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                let (_, value, known) = self.fields.at(self.next_field)?;
                self.next_field += 1;
                if known == Known::Cookie {
                    self.rest = value;
                }
                continue;
            }
            let mut parts = self.rest.splitn(2, |&byte| byte == b';');
            let piece = parts.next().unwrap_or_default();
            self.rest = parts.next().unwrap_or_default();
            if let Some(equals) = piece.iter().position(|&byte| byte == b'=') {
                let (name, value) = piece.split_at(equals);
                return Some((trim_blanks(name), trim_blanks(value.get(1..).unwrap_or_default())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Fields;

    #[test]
    fn cookies_come_in_order_from_all_fields_and_are_not_decoded() {
        let mut fields = Fields::new();
        fields.add(b"Cookie", b"a=1; b=\"x=y\";junk; ;c=%41").unwrap();
        fields.add(b"X", b"d=4").unwrap();
        fields.add(b"cookie", b"a=2;=nameless;last=").unwrap();
        let pairs: Vec<(&[u8], &[u8])> = fields.cookies().collect();
        let expected: Vec<(&[u8], &[u8])> = vec![
            (b"a", b"1"),
            (b"b", b"\"x=y\""),
            (b"c", b"%41"),
            (b"a", b"2"),
            (b"", b"nameless"),
            (b"last", b""),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(fields.cookie(b"a"), Some(b"1".as_slice()));
        assert_eq!(fields.cookie(b"A"), None, "cookie names keep their case");
        assert_eq!(Fields::new().cookies().count(), 0);
    }
}
