//! Who asks to come in, for a class that admits by spare capacity.

use super::{Host, Knowledge, Note};
use crate::builtins::is_below;
use crate::catalog::SpareUse;
use crate::spare::SparePlace;
use shaping::{ClientNetwork, Entrant, Group, Rank, SpareClass};
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::ByteString;
use visit::{Host as NamedHost, Referer, RequestKind, path_of};

/// An entrant whose names are owned.
pub(crate) struct Asker {
    rank: Rank,
    group: Owned,
}

enum Owned {
    Site(Box<[u8]>),
    Landing(Box<[u8]>),
    Client(ClientNetwork),
}

impl Asker {
    pub(crate) fn entrant(&self) -> Entrant<'_> {
        let group = match &self.group {
            Owned::Site(name) => Group::Site(name),
            Owned::Landing(path) => Group::Landing(path),
            Owned::Client(client) => Group::Client(*client),
        };
        Entrant { rank: self.rank, group }
    }
}

impl Host {
    /// Whether it goes on without a place: it has one, or (in a replay) nobody can say what the pool bore.
    pub(crate) fn needs_no_place(&mut self, class: &Arc<SpareClass>, place: (&Arc<Source>, Span)) -> bool {
        self.tell_if_bearing_is_unknown(place) || self.spare.as_ref().is_some_and(|held| held.is_of(class))
    }

    /// Marks the decision where a log does not say what the pool bore; gives whether that is so.
    pub(crate) fn tell_if_bearing_is_unknown(&mut self, place: (&Arc<Source>, Span)) -> bool {
        let is_unknown = self.arrival.knowledge != Knowledge::All;
        if is_unknown {
            self.note(place, Note::Undecidable { fact: ByteString::from("what the pool bears") });
        }
        is_unknown
    }

    /// The class has let it in.
    pub(crate) fn come_in(&mut self, class: Arc<SpareClass>) {
        self.spare = Some(SparePlace::admitted(&self.shared, class));
    }

    /// The request as the class of this name sees it. Who names a context says himself between whom it is to be fair.
    pub(crate) fn asker(&mut self, class: &[u8], context: Option<&[u8]>) -> Asker {
        let catalog = Arc::clone(&self.catalog);
        let said = std::str::from_utf8(class).ok().and_then(|name| catalog.spare_classes.get(name));
        let (kind, referer) = self.judge_sender();
        let rank = self.rank(kind, &referer, said);
        let client = || Owned::Client(ClientNetwork::of(self.arrival.client));
        let group = match (context, rank) {
            (Some(name), _) => Owned::Site(name.into()),
            // Anybody can say that he is inside: it is worth one client's turns.
            (None, Rank::Inside | Rank::App) => client(),
            (None, _) if !referer.domain.is_empty() => Owned::Site(referer.domain.as_bytes().into()),
            (None, _) => {
                let target = self.asked.as_ref().map_or(self.request.target(), |asked| &asked.target);
                Owned::Landing(path_of(target).into())
            }
        };
        Asker { rank, group }
    }

    fn rank(&self, kind: RequestKind, referer: &Referer, said: Option<&SpareUse>) -> Rank {
        let has_visit =
            said.and_then(|said| said.visit_mark.as_ref()).is_some_and(|name| self.holds_mark(name));
        if kind == RequestKind::Own || has_visit {
            return Rank::Inside;
        }
        let is_partner = |host: NamedHost| {
            said.is_some_and(|said| said.partners.iter().any(|partner| is_below(&host, partner.as_bytes())))
        };
        match kind {
            RequestKind::Link if NamedHost::of(referer.host.as_bytes()).is_some_and(is_partner) => {
                Rank::Partner
            }
            RequestKind::App => Rank::App,
            RequestKind::Embed | RequestKind::Forged => Rank::Embed,
            _ => Rank::Entry,
        }
    }
}
