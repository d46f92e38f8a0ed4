//! What rules keep from one run to the next: `data.*`, `data.local.*` and `connection.data.*`. Every store has a
//! number of bytes that it never exceeds; what finds no room is refused, and nothing is put out for it.

mod connection_data;
mod stored;
mod table;

pub(crate) use connection_data::ConnectionData;
pub(crate) use stored::Stored;
pub use table::DataStore;
pub(crate) use table::NoRoom;

#[cfg(test)]
mod tests {
    use crate::catalog::{DataLimits, MemoryShare};
    use crate::shared::Wake;
    use crate::{Catalog, Now, Shared, SharedOptions, WallTime};
    use shaping::{Tick, TicketId};
    use trafficscript::{ByteString, Value};

    struct Nobody;
    impl Wake for Nobody {
        fn wake(&self, _: TicketId) {}
    }

    #[test]
    fn what_rules_keep_and_count_outlives_a_reload_whose_limit_holds_from_then_on() {
        let now = Now { tick: Tick::ZERO, wall: WallTime(0) };
        let shared = Shared::new(Catalog::default(), &SharedOptions::default(), Box::new(Nobody), now);
        let key = ByteString::from("key");
        shared.data().set(&key, &Value::from("kept"), false).unwrap();
        shared.counters().user.add64(4, 12);
        let max = MemoryShare::Bytes(150);
        let mut smaller = Catalog::default();
        smaller.data = DataLimits { max, ..DataLimits::default() };
        shared.adopt(smaller, now);
        let kept = shared.data().get(b"key", false).map(|stored| stored.value().to_text());
        assert_eq!(kept.as_deref(), Some(&b"kept"[..]));
        assert_eq!(shared.data().bytes_free(), 150 - 103);
        assert!(shared.data().set(&ByteString::from("other"), &Value::from("x"), false).is_err());
        let counters = shared.counters().list();
        assert!(counters.iter().any(|(name, _, value)| (*name, *value) == ("user_counter64_5", 12)));
    }
}
