//! From Apache's letters, and our own, to values.

use crate::directive::{Directive, Moment, Piece, TimeShape, TimeUnit};
use crate::line::{BytesMeaning, LineMoment};
use crate::moment::TimeText;
use crate::own::OwnKey;
use crate::plan::{Token, Value, What};
use crate::slots::SlotName;

/// The tokens of a `LogFormat`.
pub(super) fn tokens(pieces: &[Piece]) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pieces.len() + 2);
    for piece in pieces {
        let value = |what, moment| {
            Token::Value(Value { what, only_for: piece.only_for.clone(), moment, at: piece.at })
        };
        match &piece.directive {
            Directive::Literal(text) => tokens.push(Token::Literal(text.to_vec())),
            Directive::Time { of, shown } => {
                let moment = match of {
                    Moment::Begin => LineMoment::Arrival,
                    Moment::End => LineMoment::End,
                };
                match time(shown) {
                    What::Time(TimeText::Clf) => tokens.extend([
                        Token::Literal(b"[".to_vec()),
                        value(What::Time(TimeText::Clf), moment),
                        Token::Literal(b"]".to_vec()),
                    ]),
                    what => tokens.push(value(what, moment)),
                }
            }
            other => tokens.push(value(what(other), LineMoment::Arrival)),
        }
    }
    tokens
}

fn what(directive: &Directive) -> What {
    let own = |key| What::Slot(SlotName::Own(key));
    match directive {
        Directive::ClientAddress => What::Client,
        Directive::PeerAddress => What::Peer,
        Directive::BodyBytes | Directive::BodyBytesOrDash => What::Bytes(BytesMeaning::BodyPromised),
        Directive::BytesSent => What::Bytes(BytesMeaning::AllSent),
        Directive::Duration(unit) => What::Duration(match unit {
            TimeUnit::Seconds => 6,
            TimeUnit::Millis => 3,
            TimeUnit::Micros => 0,
        }),
        Directive::RequestField(name) => request_field(name),
        Directive::ResponseField(name) => What::Slot(SlotName::ResponseField(name.to_string().into())),
        Directive::ResponseContentType => What::Slot(SlotName::ResponseField("Content-Type".into())),
        Directive::Cookie(name) => What::Slot(SlotName::Cookie(name.to_string().into())),
        Directive::Method => What::Method,
        Directive::Protocol => What::Protocol,
        Directive::Path => What::Path,
        Directive::Query => What::Query,
        Directive::RequestLine => What::RequestLine,
        Directive::Status => What::Status,
        Directive::User => What::User,
        Directive::VirtualServer => What::VirtualServer,
        Directive::HostName => What::NameSaid,
        Directive::ConnectionState => What::State,
        Directive::Host => What::Host,
        Directive::FirstByteMicros => own(OwnKey::FirstByteMicros),
        Directive::RequestsBefore => own(OwnKey::RequestsBefore),
        Directive::ClientPort => own(OwnKey::ClientPort),
        Directive::BytesReceived => own(OwnKey::BytesReceived),
        Directive::ArrivalMicros => What::Time(TimeText::Epoch(6)),
        Directive::BandwidthClass => own(OwnKey::BandwidthClass),
        Directive::RateClass => own(OwnKey::RateClass),
        Directive::Verdict => own(OwnKey::Verdict),
        Directive::Rule => own(OwnKey::Rule),
        Directive::Context => own(OwnKey::Context),
        Directive::Queue(TimeUnit::Micros) => own(OwnKey::QueueMicros),
        Directive::Queue(_) => own(OwnKey::QueueMillis),
        Directive::QueuePlace => own(OwnKey::QueuePlace),
        Directive::Kind => own(OwnKey::Kind),
        Directive::Pool => own(OwnKey::Pool),
        Directive::Node => own(OwnKey::Node),
        Directive::Marks => own(OwnKey::Marks),
        Directive::ConnectionId => own(OwnKey::ConnectionId),
        Directive::RequestId => own(OwnKey::RequestId),
        // Local addresses and ports, environment, what is unknowable: nothing that a diagnosis asks for.
        _ => What::Skip,
    }
}

/// A field of the request by its name.
pub(super) fn request_field(name: &str) -> What {
    if name.eq_ignore_ascii_case("Referer") {
        What::Referer
    } else if name.eq_ignore_ascii_case("User-Agent") {
        What::UserAgent
    } else if name.eq_ignore_ascii_case("Host") {
        What::Host
    } else {
        What::Slot(SlotName::RequestField(name.to_owned().into()))
    }
}

fn time(shown: &TimeShape) -> What {
    What::Time(match shown {
        TimeShape::Clf => TimeText::Clf,
        TimeShape::EpochSeconds => TimeText::Epoch(0),
        TimeShape::EpochMillis => TimeText::Epoch(3),
        TimeShape::EpochMicros => TimeText::Epoch(6),
        TimeShape::MillisFraction | TimeShape::MicrosFraction => return What::Fraction,
        TimeShape::Custom(parts) => TimeText::Parts(parts.clone()),
    })
}
