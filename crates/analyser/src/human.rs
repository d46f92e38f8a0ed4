//! Numbers as people read them.

/// A share between 0 and 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share for people; a lost bit does not show")]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A part of a whole in percent, as [`percent_of`] has it.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    percent_of(share(part, whole))
}

/// A share of 0 to 1 in percent; "under 0.1%" and "over 99%" where rounding would say nothing or all.
pub(crate) fn percent_of(share: f64) -> String {
    let percent = share.clamp(0.0, 1.0) * 100.0;
    match percent {
        p if p <= 0.0 => "0%".to_owned(),
        p if p < 0.05 => "under 0.1%".to_owned(),
        p if p < 0.95 => format!("{p:.1}%"),
        p if p > 99.0 && p < 100.0 => "over 99%".to_owned(),
        p => format!("{p:.0}%"),
    }
}

/// So many of something: "1 request", "1,234 requests", "2 addresses".
pub(crate) fn things(number: u64, one: &str) -> String {
    let ending = match number {
        1 => "",
        _ if one.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {one}{ending}", count(number))
}

/// Bytes in kB, MB or GB of 1000.
#[expect(clippy::cast_precision_loss, reason = "shown with two or three digits")]
pub(crate) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..1_000_000 => format!("{:.0} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

/// A whole number with commas.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A length of time.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 600.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// Things per second.
pub(crate) fn per_second(rate: f64) -> String {
    match rate {
        r if r >= 10.0 => format!("{r:.0}/s"),
        r if r >= 0.1 => format!("{r:.1}/s"),
        r => format!("{:.1}/h", r * 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        assert_eq!(count(151_117_486), "151,117,486");
        assert_eq!(count(999), "999");
        assert_eq!(bytes(2_867_477), "2.9 MB");
        assert_eq!(bytes(512), "512 bytes");
        assert_eq!(percent(1, 10_000), "under 0.1%");
        assert_eq!(percent(3, 1000), "0.3%");
        assert_eq!(percent(99, 10_000), "1%");
        assert_eq!(percent(17, 100), "17%");
        assert_eq!(percent(999, 1000), "over 99%");
        assert_eq!(percent(1000, 1000), "100%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(
            [0, 1, 2].map(|number| things(number, "address")),
            ["0 addresses", "1 address", "2 addresses"]
        );
        assert_eq!(things(1_234, "request"), "1,234 requests");
        assert_eq!(seconds(10.0), "10 s");
        assert_eq!(per_second(0.01), "36.0/h");
    }
}
