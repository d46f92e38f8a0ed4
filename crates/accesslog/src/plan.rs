//! How a line of fixed order is read: which value comes, and what ends it.

use crate::directive::Statuses;
use crate::format::BadFormat;
use crate::line::{BytesMeaning, Facts, LineMoment};
use crate::moment::TimeText;
use crate::own::OwnKey;
use crate::slots::SlotName;
use crate::text::Escaping;

/// A part of a layout as its text says it, whosoever language it is.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    Literal(Vec<u8>),
    Value(Value),
}

/// A place for a value.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) what: What,
    /// `None`: filled for every status.
    pub(crate) only_for: Option<Statuses>,
    /// Which moment it is of, if it is a time.
    pub(crate) moment: LineMoment,
    /// Where it stands in the text of the layout, in bytes.
    pub(crate) at: usize,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Skip,
    /// Values with blanks between them, as nginx writes those of several nodes.
    SkipList,
    Client,
    ClientWithPort,
    Peer,
    User,
    Time(TimeText),
    /// A time of which only the offset of local time is wanted.
    Zone,
    /// Digits after the decimal point of the second.
    Fraction,
    RequestLine,
    Method,
    Target,
    Path,
    Query,
    Protocol,
    Status,
    Bytes(BytesMeaning),
    /// Ten to this power of microseconds each.
    Duration(u32),
    /// Apache's `%X`.
    State,
    /// IIS's word for how it ended: 64 and 1236 are clients who left.
    Win32Status,
    /// CloudFront's word for how it ended.
    EdgeResult,
    /// nginx's `OK`, or nothing.
    Completion,
    /// One of several parts of the duration, in seconds.
    DurationPart,
    /// HAProxy's timers, the last of which is the whole in milliseconds.
    Timers,
    /// HAProxy's four letters: the first is `C` for a client who left.
    Termination,
    Referer,
    UserAgent,
    VirtualServer,
    /// The server's name as the client said it (`%V`): a virtual server where there is no better word, else a host.
    NameSaid,
    Host,
    Slot(SlotName),
}

/// A layout made ready for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub(crate) struct Plan {
    /// What every line begins with.
    pub(crate) start: Box<[u8]>,
    pub(crate) steps: Box<[Step]>,
    pub(crate) slots: Box<[SlotName]>,
    /// Values that mean nothing for some statuses.
    pub(crate) conditions: Box<[(What, Statuses)]>,
    /// So many steps must be there for a line that is cut short to count.
    pub(crate) steps_needed: usize,
    /// Which slot holds `X-Forwarded-For`.
    pub(crate) forwarded: Option<usize>,
    /// The time is put together from several values.
    pub(crate) is_time_composed: bool,
    /// The time is of the end, and the duration leads back to the beginning.
    pub(crate) takes_duration_off: bool,
    /// A value may stand in quotes wherever it is.
    pub(crate) may_quote: bool,
    /// Targets are absolute, and say the host.
    pub(crate) has_host_in_target: bool,
    pub(crate) escaping: Escaping,
    pub(crate) facts: Facts,
}

/// One value and what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    pub(crate) what: What,
    pub(crate) slot: Option<usize>,
    pub(crate) end: End,
}

/// What a value is in one byte, for the values that nearly every log has: the hot path asks nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Skip,
    Client,
    User,
    Clf,
    RequestLine,
    Status,
    Bytes,
    Referer,
    UserAgent,
    Seldom,
}

impl Kind {
    const fn of(what: &What) -> Self {
        match what {
            What::Skip | What::Slot(_) => Self::Skip,
            What::Client => Self::Client,
            What::User => Self::User,
            What::Time(TimeText::Clf) => Self::Clf,
            What::RequestLine => Self::RequestLine,
            What::Status => Self::Status,
            What::Bytes(_) => Self::Bytes,
            What::Referer => Self::Referer,
            What::UserAgent => Self::UserAgent,
            _ => Self::Seldom,
        }
    }
}

/// What ends a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The end of the line.
    OfLine,
    /// A blank.
    Blank,
    /// These bytes, the first of them a quote that no backslash stands before.
    Quote(Box<[u8]>),
    /// These bytes.
    Text(Box<[u8]>),
}

impl End {
    /// How many bytes it has.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::OfLine => 0,
            Self::Blank => 1,
            Self::Quote(text) | Self::Text(text) => text.len(),
        }
    }
}

impl Plan {
    /// Makes a plan of tokens.
    ///
    /// # Errors
    ///
    /// Two values have nothing between them that would end the first; or there is no time.
    pub(crate) fn new(tokens: Vec<Token>, escaping: Escaping) -> Result<Self, BadFormat> {
        let (start, mut values) = pair_up(tokens)?;
        let choice = Choice::among(&values);
        let mut slots = Vec::new();
        let mut conditions = Vec::new();
        let mut steps: Vec<Step> = Vec::with_capacity(values.len());
        let mut before = start.clone();
        for (index, (value, literal)) in values.iter_mut().enumerate() {
            let named = choice.slot_of(&value.what);
            let what = choice.settle(index, &value.what);
            let slot = named.map(|name| {
                slots.push(name);
                slots.len() - 1
            });
            if let Some(statuses) = value.only_for.take() {
                conditions.push((value.what.clone(), statuses));
            }
            let end = end_of(&before, literal, escaping);
            before = std::mem::take(literal);
            steps.push(Step { kind: Kind::of(&what), what, slot, end });
        }
        if choice.time.is_none() {
            return Err(BadFormat {
                at: 0,
                why: "this layout has no time".to_owned(),
                help: Some("without times nothing can be said about a log; Apache's is \"%t\"".to_owned()),
            });
        }
        let is_needed = |what: &What| {
            matches!(
                what,
                What::Time(_) | What::Status | What::Bytes(_) | What::RequestLine | What::Target | What::Path
            )
        };
        let forwarded = |name: &SlotName| matches!(name, SlotName::RequestField(name) if name.eq_ignore_ascii_case("X-Forwarded-For"));
        Ok(Self {
            start: start.into(),
            steps_needed: steps.iter().rposition(|step| is_needed(&step.what)).map_or(0, |last| last + 1),
            forwarded: slots.iter().position(forwarded),
            is_time_composed: choice.is_composed,
            takes_duration_off: choice.facts.moment == LineMoment::End && choice.facts.has_duration,
            facts: Facts {
                moment: if choice.facts.has_duration { LineMoment::Arrival } else { choice.facts.moment },
                ..choice.facts
            },
            may_quote: false,
            has_host_in_target: false,
            steps: steps.into(),
            slots: slots.into(),
            conditions: conditions.into(),
            escaping,
        })
    }
}

/// Values, each with the text that follows it.
type Paired = Vec<(Value, Vec<u8>)>;

fn pair_up(tokens: Vec<Token>) -> Result<(Vec<u8>, Paired), BadFormat> {
    let mut start = Vec::new();
    let mut values: Paired = Vec::new();
    for token in tokens {
        match (token, values.last_mut()) {
            (Token::Literal(text), None) => start.extend(text),
            (Token::Literal(text), Some((_, after))) => after.extend(text),
            (Token::Value(Value { what: What::Query, .. }), Some((path, after)))
                if after.is_empty() && path.what == What::Path =>
            {
                path.what = What::Target;
            }
            (Token::Value(value), Some((before, after)))
                if after.is_empty() && !ends_itself(&before.what) =>
            {
                return Err(BadFormat {
                    at: value.at,
                    why: "nothing stands between this value and the one before".to_owned(),
                    help: Some("lines of this layout cannot be taken apart for certain".to_owned()),
                });
            }
            (Token::Value(value), _) => values.push((value, Vec::new())),
        }
    }
    if let Some((_, last)) = values.last_mut() {
        while last.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            last.pop();
        }
    }
    Ok((start, values))
}

/// Whether a value says by itself where it ends.
pub(crate) const fn ends_itself(what: &What) -> bool {
    matches!(what, What::Time(TimeText::Clf | TimeText::Parts(_)) | What::Zone | What::Fraction)
}

fn end_of(before: &[u8], after: &[u8], escaping: Escaping) -> End {
    match after {
        [] => End::OfLine,
        b" " => End::Blank,
        [b'"', ..] if before.ends_with(b"\"") && escaping != Escaping::None => End::Quote(after.into()),
        _ => End::Text(after.into()),
    }
}

/// Which of several values for the same thing counts.
struct Choice {
    client: Option<usize>,
    bytes: Option<usize>,
    time: Option<usize>,
    /// The time whose offset is taken, if the chosen one has none.
    zone: Option<usize>,
    duration: Option<usize>,
    is_composed: bool,
    has_virtual_server: bool,
    /// The layout has a letter that only we write, so that all else it says is of us too.
    is_ours: bool,
    facts: Facts,
}

impl Choice {
    fn among(values: &Paired) -> Self {
        let best = |rank: &dyn Fn(&Value) -> Option<u32>| {
            let ranked =
                values.iter().enumerate().filter_map(|(index, (value, _))| Some((rank(value)?, index)));
            // Of equals the first.
            ranked.max_by_key(|(rank, index)| (*rank, std::cmp::Reverse(*index))).map(|(_, index)| index)
        };
        let has = |wanted: &dyn Fn(&What) -> bool| values.iter().any(|(value, _)| wanted(&value.what));
        let is_ours = has(&|what| matches!(what, What::Slot(SlotName::Own(key)) if key.is_only_ours()));
        let bytes = best(&|value| bytes_rank(&value.what));
        let time = best(&time_rank);
        let chosen = time.map(|index| &values[index].0);
        let zone = match chosen.map(|value| &value.what) {
            Some(What::Time(TimeText::Epoch(_) | TimeText::EpochDecimal)) => {
                best(&|value| (value.what == What::Time(TimeText::Clf)).then_some(1))
            }
            _ => None,
        };
        let has_fraction = has(&|what| *what == What::Fraction);
        let is_composed = chosen.is_some_and(|value| is_part(&value.what)) || has_fraction;
        let has_virtual_server = has(&|what| *what == What::VirtualServer);
        Self {
            client: best(&|value| client_rank(&value.what)),
            bytes,
            time,
            zone,
            duration: best(&|value| duration_rank(&value.what)),
            is_composed,
            has_virtual_server,
            is_ours,
            facts: Facts {
                bytes: match bytes.map(|index| &values[index].0.what) {
                    // We count what was sent where Apache counts what was promised.
                    Some(What::Bytes(BytesMeaning::BodyPromised)) if is_ours => BytesMeaning::BodySent,
                    Some(What::Bytes(meaning)) => *meaning,
                    _ => BytesMeaning::None,
                },
                moment: chosen.map_or(LineMoment::Arrival, |value| value.moment),
                time_step_micros: chosen.map_or(1_000_000, |value| step_micros(&value.what, has_fraction)),
                has_referer: has(&|what| *what == What::Referer),
                has_user_agent: has(&|what| *what == What::UserAgent),
                has_duration: has(&|what| {
                    matches!(what, What::Duration(_) | What::DurationPart | What::Timers)
                }),
                has_host: has_virtual_server || has(&|what| matches!(what, What::Host | What::NameSaid)),
            },
        }
    }

    /// What the value at this place is read as.
    fn settle(&self, index: usize, what: &What) -> What {
        let is = |chosen: Option<usize>| chosen == Some(index);
        match what {
            What::Client | What::ClientWithPort if is(self.client) => what.clone(),
            What::Peer if is(self.client) => What::Client,
            What::Bytes(_) if is(self.bytes) => what.clone(),
            What::Duration(_) if is(self.duration) => what.clone(),
            What::Time(_) if is(self.time) => what.clone(),
            What::Time(_) if is(self.zone) => What::Zone,
            What::Time(TimeText::Parts(_) | TimeText::Date | TimeText::Clock) if self.is_composed => {
                what.clone()
            }
            // It must still be read to know where it ends.
            What::Time(TimeText::Clf) => What::Zone,
            What::NameSaid if self.has_virtual_server => What::Host,
            What::NameSaid => What::VirtualServer,
            What::Client
            | What::ClientWithPort
            | What::Peer
            | What::Bytes(_)
            | What::Duration(_)
            | What::Time(_)
            | What::Slot(_) => What::Skip,
            other => other.clone(),
        }
    }

    /// Under which name the value is kept besides.
    fn slot_of(&self, what: &What) -> Option<SlotName> {
        let own = match what {
            What::Slot(name) => return Some(name.clone()),
            _ if !self.is_ours => return None,
            What::Bytes(BytesMeaning::BodyPromised | BytesMeaning::BodySent) => OwnKey::BodyBytes,
            What::Bytes(BytesMeaning::AllSent) => OwnKey::BytesSent,
            What::Peer => OwnKey::Peer,
            What::State => OwnKey::ConnectionState,
            What::Host => OwnKey::Host,
            _ => return None,
        };
        Some(SlotName::Own(own))
    }
}

const fn client_rank(what: &What) -> Option<u32> {
    match what {
        What::Client | What::ClientWithPort => Some(2),
        What::Peer => Some(1),
        _ => None,
    }
}

const fn bytes_rank(what: &What) -> Option<u32> {
    match what {
        What::Bytes(meaning) => Some(bytes_worth(*meaning)),
        _ => None,
    }
}

/// What really went over the wire is worth more than what was to go.
pub(crate) const fn bytes_worth(meaning: BytesMeaning) -> u32 {
    match meaning {
        BytesMeaning::AllSent => 4,
        BytesMeaning::BodySent => 3,
        BytesMeaning::BodyPromised => 2,
        BytesMeaning::Unclear | BytesMeaning::None => 1,
    }
}

/// The finest unit.
const fn duration_rank(what: &What) -> Option<u32> {
    match what {
        What::Duration(power) => Some(10 - *power),
        _ => None,
    }
}

/// The beginning before the end, then the finest.
fn time_rank(value: &Value) -> Option<u32> {
    let fineness = match &value.what {
        What::Time(TimeText::Epoch(power)) if *power > 0 => 3 + power,
        What::Time(TimeText::EpochDecimal | TimeText::Iso | TimeText::ClfMillis) => 4,
        What::Time(TimeText::Clf) => 3,
        What::Time(TimeText::Epoch(_)) => 2,
        What::Time(_) => 1,
        _ => return None,
    };
    Some(fineness + if value.moment == LineMoment::Arrival { 100 } else { 0 })
}

fn is_part(what: &What) -> bool {
    matches!(what, What::Time(TimeText::Parts(_) | TimeText::Date | TimeText::Clock))
}

const fn step_micros(what: &What, has_fraction: bool) -> u32 {
    match what {
        What::Time(TimeText::Epoch(6) | TimeText::Iso) => 1,
        What::Time(TimeText::Epoch(3) | TimeText::EpochDecimal | TimeText::ClfMillis) => 1_000,
        _ if has_fraction => 1_000,
        _ => 1_000_000,
    }
}
