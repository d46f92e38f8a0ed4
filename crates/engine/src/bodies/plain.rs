//! The answer's body as rules read it: without framing, unpacked.

use super::inflate::{Inflate, Packing};
use super::work::amend_response_fields;
use super::{Bodies, BodyEnd, BodySide};
use crate::host::Host;
use message::Known;

/// Packed bytes that are asked for at once.
const PACKED_READ_BYTES: usize = 16 << 10;

/// What can be read of it now.
pub(super) struct Plain<'a> {
    pub(super) bytes: &'a [u8],
    /// No more comes, whatever is asked for.
    pub(super) is_over: bool,
    /// What must be told about that, in words.
    pub(super) odd: Option<&'static str>,
}

/// What the shell would have to read first: the bytes that are to be held, at least and at most.
pub(super) struct Missing {
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Host {
    /// The bodies; made when a rule touches one.
    pub(crate) fn bodies_mut(&mut self) -> &mut Bodies {
        self.bodies.get_or_insert_default()
    }

    /// Whether a body can follow the answer's head at all.
    pub(crate) fn answer_may_have_body(&self) -> bool {
        self.request.method() != b"HEAD" && !matches!(self.response.status(), 100..200 | 204 | 304)
    }

    /// Whether the request came with a body.
    pub(crate) fn request_has_body(&self) -> bool {
        let fields = self.request.fields();
        fields.has(Known::TransferEncoding)
            || fields.known(Known::ContentLength).is_some_and(|length| length != b"0")
    }

    /// Looks at how the answer is packed, once: rules may change what its head says of that.
    fn note_packing(&mut self) {
        let packing = self.response.fields().joined(b"Content-Encoding").as_deref().and_then(Packing::of);
        let bodies = self.bodies_mut();
        if let Some(packing) = packing
            && bodies.inflate.is_none()
            && bodies.response.bytes.is_empty()
        {
            bodies.inflate = Some(Box::new(Inflate::new(packing)));
        }
    }

    /// The answer's head is to go before another body than it came with.
    pub(crate) fn amend_answer(&mut self) {
        if !self.has_own_answer && self.answer_may_have_body() {
            self.note_packing();
        }
        amend_response_fields(&mut self.response);
    }

    /// Unpacks until `wanted` bytes can be read, as far as the packed bytes are there. What is missing, if the shell
    /// can bring more.
    pub(super) fn prepare_answer(&mut self, wanted: usize) -> Option<Missing> {
        if self.has_own_answer || !self.answer_may_have_body() {
            return None;
        }
        let cap = self.virtual_server().max_body_buffer;
        self.note_packing();
        let bodies = self.bodies_mut();
        let drops = bodies.streamed.is_some();
        let received = &mut bodies.response;
        let missing = match &mut bodies.inflate {
            None => Missing { least: wanted, most: wanted },
            Some(inflate) => {
                inflate.feed(&received.bytes, wanted);
                inflate.is_short = received.end == BodyEnd::Whole
                    && inflate.out.len() < wanted
                    && !inflate.is_over
                    && inflate.has_seen(&received.bytes);
                if drops {
                    let used = inflate.forget_used();
                    received.bytes.drain(..used.min(received.bytes.len()));
                }
                if inflate.out.len() >= wanted || inflate.is_over || inflate.is_bad {
                    return None;
                }
                let held = received.bytes.len();
                Missing { least: held + 1, most: held + PACKED_READ_BYTES }
            }
        };
        let is_full = !drops && received.bytes.len() > cap;
        let is_there = received.bytes.len() >= missing.least;
        (received.end == BodyEnd::Open && !is_full && !is_there).then_some(missing)
    }

    /// What can be read now.
    pub(super) fn plain_answer(&self) -> Plain<'_> {
        if self.has_own_answer {
            return Plain { bytes: &self.body, is_over: true, odd: None };
        }
        let Some(bodies) = &self.bodies else { return Plain { bytes: &[], is_over: true, odd: None } };
        let is_over = bodies.response.end != BodyEnd::Open;
        match &bodies.inflate {
            None => {
                let coding = self.response.fields().joined(b"Content-Encoding");
                let is_packed = coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
                let odd = (is_packed && !bodies.response.bytes.is_empty()).then_some(
                    "the body is packed in a way that cannot be unpacked here; it is given as it is",
                );
                Plain { bytes: &bodies.response.bytes, is_over, odd }
            }
            Some(inflate) => Plain {
                bytes: &inflate.out,
                is_over: is_over || inflate.is_over || inflate.is_bad,
                odd: inflate.is_bad.then_some("the packed body is damaged; what could be unpacked is given"),
            },
        }
    }

    /// Forgets what was read through a stream; the rest stays for what follows.
    pub(super) fn drop_read(&mut self) {
        let is_own = self.has_own_answer;
        let Some(bodies) = &mut self.bodies else { return };
        let read = std::mem::take(&mut bodies.read_at);
        let from = match &mut bodies.inflate {
            _ if is_own => &mut self.body,
            Some(inflate) => &mut inflate.out,
            None => &mut bodies.response.bytes,
        };
        from.drain(..read.min(from.len()));
    }

    /// What a stream may still take of the answer's body, and whether the node broke off.
    pub(crate) fn take_rest_of_answer(&mut self) -> (Vec<u8>, BodyEnd) {
        self.drop_read();
        if self.has_own_answer {
            return (std::mem::take(&mut self.body), BodyEnd::Whole);
        }
        if !self.answer_may_have_body() {
            return (Vec::new(), BodyEnd::Whole);
        }
        self.prepare_answer(1);
        let Some(bodies) = &mut self.bodies else { return (Vec::new(), BodyEnd::Open) };
        match &mut bodies.inflate {
            None => (std::mem::take(&mut bodies.response.bytes), bodies.response.end),
            Some(inflate) => {
                let end = match bodies.response.end {
                    _ if inflate.is_bad => BodyEnd::Cut,
                    _ if inflate.is_over => BodyEnd::Whole,
                    BodyEnd::Whole if inflate.is_short => BodyEnd::Cut,
                    BodyEnd::Whole if inflate.out.is_empty() => BodyEnd::Whole,
                    BodyEnd::Whole => BodyEnd::Open,
                    end => end,
                };
                (std::mem::take(&mut inflate.out), end)
            }
        }
    }

    /// Whether packed data was read that is damaged or stops before its end.
    pub(crate) fn unpacking_failed(&self) -> bool {
        let inflate = self.bodies.as_ref().and_then(|bodies| bodies.inflate.as_ref());
        inflate.is_some_and(|inflate| inflate.is_bad || inflate.is_short)
    }

    /// The answer is dropped: what was read and written of it, too.
    pub(crate) fn forget_answer(&mut self) {
        (self.has_own_answer, self.is_from_node) = (false, false);
        self.body.clear();
        if let Some(bodies) = &mut self.bodies {
            bodies.response = super::Received::default();
            bodies.inflate = None;
            (bodies.read_at, bodies.in_chunks) = (0, false);
        }
    }

    /// Whether `http.stream.*` has read any of the answer.
    pub(crate) fn has_read_answer(&self) -> bool {
        self.bodies.as_ref().is_some_and(|bodies| bodies.read_at > 0)
    }

    /// Bytes of a body that are held, on this side.
    pub(crate) fn held(&self, side: BodySide) -> (usize, BodyEnd) {
        let Some(bodies) = &self.bodies else { return (0, BodyEnd::Open) };
        let received = match side {
            BodySide::Request => &bodies.request,
            BodySide::Response => &bodies.response,
        };
        (received.bytes.len(), received.end)
    }
}
