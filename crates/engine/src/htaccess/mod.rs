//! `.htaccess` on a transaction: what the evaluation may know of it, what it has found out, what it does to the answer.
//! When it happens is told in `transaction::htaccess`.

mod answer;
mod facts;
mod judged;
mod page;

pub(crate) use answer::{apply_to_answer, apply_to_request, refuse_unsendable};
pub(crate) use facts::RequestFacts;
pub(crate) use judged::{Answer, ErrorPath, Judged, errand_for};
pub(crate) use page::{document_text, error_page, redirect_page};
