//! `mod_dir`: a folder is answered with its index file, and that is looked up as a request of its own, which the rules
//! see. A folder that is named without its last slash is a redirect.
//!
//! Both hang on what is a folder: without a document root nobody here can say, and the node decides alone.

use super::{RoundEnd, Run, are_same};
use crate::escape::escape_path;
use crate::known::{Known, Names};
use crate::request::{FileName, Original, Request};
use crate::section::Section;
use crate::variables::Variables;
use crate::{FileTest, Question, Verdict};

/// Where no `DirectoryIndex` counts.
const DEFAULT_INDEX: &[u8] = b"index.html";

/// How a round ends, and what counted in it.
type End<'a> = (RoundEnd, Vec<&'a Section>);

impl<'a> Run<'a> {
    /// What becomes of the index of a folder that is asked for; `None` where the folder's own end stands.
    ///
    /// A name is passed over if there is no such file, or if the rules answer 404; what else they answer counts unless a
    /// later name does better.
    pub(super) fn index(&mut self, outer: &[&'a Section]) -> Known<Option<End<'a>>> {
        if outer.is_empty() || !self.is_folder()? {
            return Ok(None);
        }
        let written = outer.iter().rev().find_map(|section| section.index.as_deref());
        let default = [DEFAULT_INDEX.to_vec()];
        let mut refused = None;
        for name in written.unwrap_or(&default) {
            let before = (Kept::of(&self.request), self.changed_by);
            self.look_up(name);
            let sections = self.sections(self.request.site)?;
            let end = self.round(&sections, are_same(&sections, outer))?;
            self.request.is_subrequest = false;
            match end {
                RoundEnd::Verdict(Verdict::Status { status, .. }) => {
                    if status != 404 {
                        refused = Some((end, sections));
                    }
                }
                RoundEnd::Verdict(Verdict::Redirect { .. }) => return Ok(Some((end, sections))),
                RoundEnd::Verdict(_) | RoundEnd::Again(..) => {
                    if self.is_file()? {
                        return Ok(Some((end, sections)));
                    }
                }
            }
            before.0.put_back(&mut self.request);
            self.changed_by = before.1;
        }
        Ok(refused)
    }

    /// A redirect, if a rule leads away from a folder that is named without its slash.
    pub(super) fn add_slash(&mut self, sections: &[&'a Section]) -> Known<Option<Verdict>> {
        let is_on = sections.iter().rev().find_map(|section| section.adds_slash).unwrap_or(true);
        let request = &self.request;
        if !is_on || request.is_subrequest || !request.site.has_files() || request.uri.ends_with(b"/") {
            return Ok(None);
        }
        let path = [request.site.root(), &request.uri].concat();
        if !request.ask(&Question::File { path, test: FileTest::Directory })? {
            return Ok(None);
        }
        let mut location = [request.own_url()?, escape_path(&request.uri), b"/".to_vec()].concat();
        if let Ok(Some(query)) = &request.query {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        Ok(Some(Verdict::Redirect { status: 301, location, by: None }))
    }

    fn is_folder(&mut self) -> Known<bool> {
        if !self.request.site.has_files() || !self.request.uri.ends_with(b"/") {
            return Ok(false);
        }
        let file = self.request.file()?;
        Ok(file.path_info.is_empty() && file.name.ends_with(b"/"))
    }

    fn is_file(&self) -> Known<bool> {
        let path = [self.request.site.root(), &self.request.uri].concat();
        self.request.ask(&Question::File { path, test: FileTest::File })
    }

    /// Begins the look-up of an index file, in the folder or by its whole path.
    fn look_up(&mut self, name: &[u8]) {
        let request = &mut self.request;
        if name.starts_with(b"/") {
            request.uri = name.to_vec();
        } else {
            request.uri.extend_from_slice(name);
        }
        request.file = None;
        request.original = None;
        request.ended = false;
        request.is_subrequest = true;
    }
}

/// What a look-up that comes to nothing leaves as it was.
struct Kept {
    uri: Vec<u8>,
    file: Option<FileName>,
    original: Option<Original>,
    query: Result<Option<Vec<u8>>, Names>,
    variables: Variables,
    cookies: usize,
    content_type: Option<Vec<u8>>,
    ended: bool,
}

impl Kept {
    fn of(request: &Request<'_>) -> Self {
        Self {
            uri: request.uri.clone(),
            file: request.file.clone(),
            original: request.original.clone(),
            query: request.query.clone(),
            variables: request.variables.clone(),
            cookies: request.cookies.len(),
            content_type: request.content_type.clone(),
            ended: request.ended,
        }
    }

    fn put_back(self, request: &mut Request<'_>) {
        request.uri = self.uri;
        request.file = self.file;
        request.original = self.original;
        request.query = self.query;
        request.variables = self.variables;
        request.cookies.truncate(self.cookies);
        request.cookie_names.truncate(self.cookies);
        request.content_type = self.content_type;
        request.ended = self.ended;
    }
}
