//! What the guard of a virtual server does to a request: before its rules, which may do otherwise.
//!
//! ```text
//! begin ── who sent it? ── the site's step ──▶ advance: through the queue, slowed, a notice, refused ──▶ request rules
//! over  ── what became of it ──▶ the counts of the window
//! ```

use super::{Next, Origin, State, Transaction};
use crate::catalog::Step;
use crate::guards::{Other, Role, SiteGuard};
use crate::host::{ClassChoice, Joined, Note};
use crate::limits;
use crate::time::Now;
use shaping::{ClientNetwork, ShadowEntry};
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::ByteString;
use visit::{Referer, RequestKind, path_of};

/// All who hide where they come from and are no visitors. No site can have this name.
const NOBODY: &str = "(none)";
/// What visitors of a site that sends too many are told.
const NOTICE: &str =
    "Very many visitors are coming from the page that sent you here. Please try again in a while.";
const REFUSED: &str = "This file is shown by the pages of this site only.";

/// Who asks, as far as a guard is concerned.
#[derive(Debug)]
pub(crate) enum Watched {
    /// Somebody whom another site, or nobody that is named, led here.
    Sent { site: Box<str>, role: Role, step: Step },
    /// An own visitor.
    Own,
    /// A feed reader or player.
    Reader,
}

impl Transaction {
    fn guard(&self) -> Option<&SiteGuard> {
        self.host.catalog.guard(self.host.arrival.virtual_server)
    }

    /// Tells the guard of the virtual server, if it has one, who came.
    #[inline]
    pub(super) fn watch(&mut self) {
        if self.virtual_server().guard.is_some() {
            self.watch_by_guard();
        }
    }

    fn watch_by_guard(&mut self) {
        let (kind, referer) = self.host.judge_sender();
        let Some(guard) = self.guard() else { return };
        let sent = match kind {
            RequestKind::Own => {
                self.host.watched = Some(Box::new(Watched::Own));
                return;
            }
            RequestKind::App => {
                self.host.watched = Some(Box::new(Watched::Reader));
                return;
            }
            RequestKind::Bare => None,
            RequestKind::Direct => self.is_for_a_page().then(|| (self.landing(), Role::Entry)),
            RequestKind::Link | RequestKind::Embed | RequestKind::Forged => self.sender(kind, referer, guard),
        };
        let Some((site, role)) = sent else { return };
        let (client, now) = (ClientNetwork::of(self.host.arrival.client), self.host.now);
        let step = guard.live.arrives(&guard.settings, (&site, role), client, now);
        if step > Step::Observe {
            self.state = State::Guarded;
        }
        self.host.watched = Some(Box::new(Watched::Sent { site, role, step }));
    }

    /// Where a browser's visitor without a referer comes from nobody knows; what it opens tells crowds apart. What
    /// belongs to pages that hide the referer looks the same, and asks for no page.
    fn is_for_a_page(&self) -> bool {
        let accept = self.host.request.fields().get(b"Accept").unwrap_or_default();
        accept.windows(b"text/html".len()).any(|part| part.eq_ignore_ascii_case(b"text/html"))
    }

    fn landing(&self) -> Box<str> {
        let path = path_of(self.host.request.target());
        let end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
        let path = path.get(..end.min(limits::GUARD_SITE_BYTES_MAX)).unwrap_or_default();
        String::from_utf8_lossy(path).into()
    }

    /// The site that a request from elsewhere comes from; `None` for one that is left alone.
    fn sender(&self, kind: RequestKind, referer: Referer, guard: &SiteGuard) -> Option<(Box<str>, Role)> {
        if guard.settings.is_exempt(&referer.host) {
            return None;
        }
        let role = if kind == RequestKind::Embed { Role::Media } else { Role::Entry };
        let site = match referer.domain {
            domain if !domain.is_empty() => domain.into(),
            _ if kind == RequestKind::Link => self.landing(),
            _ => NOBODY.into(),
        };
        Some((site, role))
    }

    /// Does what the step of the site asks for, then runs the rules.
    pub(super) fn guarded(&mut self) -> Next {
        self.state = State::RequestRules;
        let Some((site, role, step)) = self.host.watched.as_deref().and_then(|watched| match watched {
            Watched::Sent { site, role, step } => Some((ByteString::from(&**site), *role, *step)),
            _ => None,
        }) else {
            return self.request_rules();
        };
        // Held, so that what it says can be looked at while the request is changed.
        let catalog = Arc::clone(&self.host.catalog);
        let Some(guard) = catalog.guard(self.host.arrival.virtual_server) else {
            return self.request_rules();
        };
        let counters = guard.live.counters();
        let place = (&guard.place.0, Span::new(guard.place.1, guard.place.1));
        match (role, step) {
            (Role::Entry, Step::Shadow) => self.would_queue(guard, &site),
            (Role::Entry, Step::Queue | Step::Slow) => {
                counters.queued.add_one();
                return self.enter_queue(guard, site, place);
            }
            (Role::Entry, Step::Notice | Step::Refuse) => {
                counters.noticed.add_one();
                self.host.note(place, Note::Setting { name: "guard", value: ByteString::from("notice") });
                return self.not_in_time(("guard-notice", NOTICE), guard.settings.calm_after);
            }
            (Role::Media, Step::Slow | Step::Notice) => {
                counters.slowed.add_one();
                if let Some(class) = guard.settings.slow.as_deref().map(ByteString::from) {
                    self.host.note(place, Note::BandwidthClass { side: "response", class: class.clone() });
                    self.host.response_class = ClassChoice::Named(class);
                }
            }
            (Role::Media, Step::Refuse) => {
                counters.refused.add_one();
                self.host.note(place, Note::Setting { name: "guard", value: ByteString::from("refuse") });
                self.origin = Origin::Error("guard-refused");
                return self.answer_with(self.error_page(403, REFUSED));
            }
            (_, Step::Observe) | (Role::Media, Step::Shadow | Step::Queue) => {}
        }
        self.request_rules()
    }

    fn enter_queue(&mut self, guard: &SiteGuard, site: ByteString, place: (&Arc<Source>, Span)) -> Next {
        let class = guard.settings.queue.as_deref().unwrap_or_default();
        let id = self.host.shared.registry().rate_class(class.as_bytes());
        let joined = id.map(|id| self.host.join(id, (ByteString::from(class), Some(site)), place));
        if joined == Some(Joined::Refused)
            && let Some(crate::host::End::QueueRefused { retry_after }) = self.host.end.take()
        {
            return self.queue_refused(retry_after);
        }
        // Who is to wait does so before the first rule.
        self.request_rules()
    }

    /// Counts what the queue would do.
    fn would_queue(&self, guard: &SiteGuard, site: &ByteString) {
        let shadow = self.host.shared.shadow();
        let id = guard.settings.queue.as_deref().and_then(|name| shadow.rate_class(name.as_bytes()));
        let Some(id) = id else { return };
        let counters = guard.live.counters();
        match shadow.shadow_enter(id, Some(site), self.host.now.tick) {
            ShadowEntry::Started => {}
            ShadowEntry::Queued { .. } => counters.shadow_waiting.add_one(),
            ShadowEntry::Refused { .. } => counters.shadow_refused.add_one(),
        }
    }

    /// Whether [`Self::end_watch`] has anything to do.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.host.watched.is_some()
    }

    /// Tells the guard, if there is one, what became of the request. Called once, when nothing is sent any more.
    pub fn end_watch(&self, body_bytes_sent: u64, now: Now) {
        let (Some(guard), Some(watched)) = (self.guard(), self.host.watched.as_deref()) else { return };
        let status = self.logged_status();
        let other = match watched {
            Watched::Sent { site, role, .. } => return guard.live.sent(site, *role, body_bytes_sent),
            Watched::Own => {
                // The head of a node's answer was the last that moved.
                let took = self.host.moved.tick.since(self.host.arrived.tick);
                Other::Own { is_failed: status >= 500, took: self.host.is_from_node.then_some(took) }
            }
            Watched::Reader => {
                let is_refused = matches!(status, 403 | 429 | 503) && self.origin != Origin::Node;
                Other::Reader { is_refused }
            }
        };
        guard.live.note_other(&guard.settings, other, now);
    }
}
