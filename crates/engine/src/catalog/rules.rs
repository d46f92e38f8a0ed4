//! Rules: from files to programs.

use super::read::{At, BAD_VALUE, Reader, shown};
use super::{Catalog, Files, lint};
use crate::limits::RULE_BYTES_MAX;
use source::{Diagnostic, DiagnosticId, Severity, Source, nearest};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trafficscript::{Builtins, CallFact, CompileOptions, Program, Stages, compile};

/// A rule that has no file.
const UNKNOWN_RULE: DiagnosticId = DiagnosticId("unknown-rule");
/// A file that is there and cannot be read.
pub(super) const UNREADABLE: DiagnosticId = DiagnosticId("unreadable-file");

/// How rule files end.
const SUFFIX: &str = ".rts";

/// A rule, compiled for one stage.
#[derive(Debug)]
pub struct Rule {
    /// Its file's name without `.rts`.
    pub name: Arc<str>,
    /// What runs.
    pub program: Arc<Program>,
    /// Its text, for messages.
    pub source: Arc<Source>,
    /// The names of the cookies that it sets, as far as they stand in its text; each once.
    pub cookies: Box<[Box<[u8]>]>,
}

/// When a rule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleStage {
    /// Before a node is chosen.
    Request,
    /// On the response, a node's or our own.
    Response,
    /// When the transaction is over.
    Completion,
    /// On what a client of raw bytes sent.
    RawRequest,
    /// On what a node of raw bytes answered.
    RawResponse,
}

impl RuleStage {
    /// The stage as the table of functions has it.
    pub const fn stages(self) -> Stages {
        match self {
            Self::Request => crate::stages::REQUEST,
            Self::Response => crate::stages::RESPONSE,
            Self::Completion => crate::stages::COMPLETION,
            Self::RawRequest => crate::stages::RAW_REQUEST,
            Self::RawResponse => crate::stages::RAW_RESPONSE,
        }
    }
}

/// What is known of a compiled rule: for the lints.
#[derive(Clone, Debug)]
pub(crate) struct RuleFacts {
    pub(crate) source: Arc<Source>,
    pub(crate) calls: Arc<[CallFact]>,
}

/// A rule, and what is known of it.
type CompiledRule = (Arc<Rule>, RuleFacts);

/// What came of a rule that was checked by itself.
#[derive(Debug)]
pub struct CheckedRule {
    /// `None` if any of the diagnostics is an error.
    pub rule: Option<Arc<Rule>>,
    /// All mistakes and doubts, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a rule by itself, with the lints. Rules that it imports are looked for in the folder of the text's name;
/// class and pool names are doubted only where a catalog says which there are.
pub fn check_rule<H: 'static>(
    source: &Arc<Source>,
    stage: RuleStage,
    known: Option<&Catalog>,
    files: &dyn Files,
    builtins: &Builtins<H>,
) -> CheckedRule {
    let path = Path::new(source.name());
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("rule");
    let name = name.strip_suffix(SUFFIX).unwrap_or(name);
    let mut diagnostics = Vec::new();
    let mut folder = RuleFolder::new(path.parent().unwrap_or(Path::new("")), files, builtins);
    let compiled = folder.compile(name, source, stage, &mut diagnostics);
    if let Some((_, facts)) = &compiled {
        let known = known.map(lint::Known::of_checked);
        diagnostics.extend(lint::rule_alone(facts, known.as_ref()));
    }
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    CheckedRule { rule: compiled.map(|(rule, _)| rule).filter(|_| !failed), diagnostics }
}

/// The names of cookies that calls set.
fn cookies_set(calls: &[CallFact]) -> Box<[Box<[u8]>]> {
    let setters = calls.iter().filter(|call| call.function == "http.setResponseCookie");
    let names = setters.filter_map(|call| call.arguments.first()?.constant.as_deref());
    let names: BTreeSet<Box<[u8]>> = names.map(Box::from).collect();
    names.into_iter().collect()
}

/// The folder of rules: reads each file once, compiles each rule once for each stage it is used in.
pub(crate) struct RuleFolder<'a, H> {
    files: &'a dyn Files,
    builtins: &'a Builtins<H>,
    /// Names without suffix, and their paths.
    paths: BTreeMap<String, PathBuf>,
    texts: RefCell<BTreeMap<String, Result<Arc<Source>, String>>>,
    compiled: BTreeMap<(String, RuleStage), Option<CompiledRule>>,
    /// So that a mistake of a rule that is used in two stages is told once.
    told: BTreeSet<(String, u32, String)>,
}

impl<'a, H: 'static> RuleFolder<'a, H> {
    pub(crate) fn new(folder: &Path, files: &'a dyn Files, builtins: &'a Builtins<H>) -> Self {
        let mut paths = BTreeMap::new();
        for path in files.list(folder) {
            let name =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
            if let Some(name) = name.filter(|name| !name.is_empty() && !name.starts_with('.')) {
                paths.insert(name.to_owned(), path);
            }
        }
        Self {
            files,
            builtins,
            paths,
            texts: RefCell::default(),
            compiled: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// The rule that a virtual server names, compiled for a stage; what is wrong with it is reported the first time.
    pub(crate) fn rule(
        &mut self,
        name: &At<String>,
        stage: RuleStage,
        catalog: &Arc<Source>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<CompiledRule> {
        let written = name.value.as_str();
        let stem = written.strip_suffix(SUFFIX).unwrap_or(written);
        if self.paths.contains_key(stem) {
            return self.compiled(stem, stage, diagnostics);
        }
        let mut reader = Reader::new(catalog, diagnostics);
        if stem.contains(['/', '\\']) {
            let help = "rules lie in the folder `rules` beside the catalog and are named without it";
            reader.report(
                BAD_VALUE,
                "expected the name of a rule, not a path".to_owned(),
                (name.span, ""),
                help,
            );
        } else {
            let help = match nearest(stem, self.paths.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write it as `rules/{}{SUFFIX}`", shown(stem)),
            };
            reader.report(
                UNKNOWN_RULE,
                format!("there is no rule `{}`", shown(stem)),
                (name.span, ""),
                &help,
            );
        }
        None
    }

    /// Compiles what nobody has asked for, as request rules, so that all mistakes of the folder are seen.
    pub(crate) fn compile_the_rest(&mut self, diagnostics: &mut Vec<Diagnostic>) -> Vec<RuleFacts> {
        let is_used = |name: &&String| self.compiled.keys().any(|(used, _)| used == *name);
        let rest: Vec<String> = self.paths.keys().filter(|name| !is_used(name)).cloned().collect();
        let mut found = Vec::new();
        let compiled = rest.iter().filter_map(|name| self.compiled(name, RuleStage::Request, &mut found));
        let facts = compiled.map(|(_, facts)| facts).collect();
        // A rule that no virtual server uses is there to be imported: others call its subs.
        found.retain(|diagnostic| diagnostic.id.0 != "unused-sub");
        diagnostics.append(&mut found);
        facts
    }

    fn compiled(
        &mut self,
        name: &str,
        stage: RuleStage,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<CompiledRule> {
        let key = (name.to_owned(), stage);
        if let Some(known) = self.compiled.get(&key) {
            return known.clone();
        }
        let text = self.text(name);
        let compiled = match text {
            Some(Ok(source)) => self.compile(name, &source, stage, diagnostics),
            Some(Err(why)) => {
                let path = self.paths.get(name).map_or(name.to_owned(), |path| path.display().to_string());
                self.tell(Diagnostic::error(UNREADABLE, format!("cannot read {path}: {why}")), diagnostics);
                None
            }
            None => None,
        };
        self.compiled.insert(key, compiled.clone());
        compiled
    }

    fn compile(
        &mut self,
        name: &str,
        source: &Arc<Source>,
        stage: RuleStage,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<CompiledRule> {
        let import = |name: &str| self.text(name.strip_suffix(SUFFIX).unwrap_or(name))?.ok();
        let options = CompileOptions { stage: stage.stages(), libraries: &import };
        let compiled = compile(source, self.builtins, &options);
        for diagnostic in compiled.diagnostics {
            self.tell(diagnostic, diagnostics);
        }
        let rule = Rule {
            name: Arc::from(name),
            program: compiled.program?,
            source: Arc::clone(source),
            cookies: cookies_set(&compiled.calls),
        };
        let facts = RuleFacts { source: Arc::clone(source), calls: compiled.calls.into() };
        Some((Arc::new(rule), facts))
    }

    fn tell(&mut self, diagnostic: Diagnostic, diagnostics: &mut Vec<Diagnostic>) {
        let label = diagnostic.labels.first();
        let file = label.map_or(String::new(), |label| label.source.name().to_owned());
        let start = label.map_or(0, |label| label.span.start);
        if self.told.insert((file, start, format!("{}{}", diagnostic.id.0, diagnostic.message))) {
            diagnostics.push(diagnostic);
        }
    }

    /// The text of a rule, read once; `None` if there is no such rule.
    fn text(&self, name: &str) -> Option<Result<Arc<Source>, String>> {
        let path = self.paths.get(name)?;
        let mut texts = self.texts.borrow_mut();
        let text = texts.entry(name.to_owned()).or_insert_with(|| {
            let bytes = self.files.read(path)?;
            if bytes.len() > RULE_BYTES_MAX {
                return Err(format!(
                    "a rule holds at most {}",
                    super::units::size_text(RULE_BYTES_MAX as u64)
                ));
            }
            Ok(Arc::new(Source::new(path.display().to_string(), bytes)))
        });
        Some(text.clone())
    }
}
