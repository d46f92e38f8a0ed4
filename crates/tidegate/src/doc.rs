//! `tidegate doc`: what the table of functions says, for people and for programs.

use crate::check::colours;
use crate::command_line::{DocOptions, OutputFormat};
use crate::verdict::{Mistake, Verdict};
use anyhow::bail;
use engine::builtins::{builtins, pending_reason};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use trafficscript::assist::FunctionDoc;
use trafficscript::{Kind, Presence};

/// The widest text, in characters; longer lines are hard to read.
const WIDTH_MAX: usize = 100;
/// The narrowest that is still cut to.
const WIDTH_MIN: usize = 40;

#[derive(Serialize)]
struct Report {
    functions: Vec<Function>,
    unsupported: Vec<Unsupported>,
}

#[derive(Serialize)]
struct Function {
    name: &'static str,
    family: &'static str,
    aliases: Vec<String>,
    signature: String,
    summary: &'static str,
    parameters: Vec<Parameter>,
    returns: &'static str,
    /// Absent where it works in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<&'static str>>,
    stages_text: String,
    effect: &'static str,
    text: &'static str,
    examples: Vec<Example>,
    /// What it does until its feature is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<&'static str>,
}

#[derive(Serialize)]
struct Parameter {
    name: &'static str,
    kind: &'static str,
    presence: &'static str,
    summary: &'static str,
}

#[derive(Serialize)]
struct Example {
    rule: &'static str,
    given: &'static str,
    gives: &'static str,
}

#[derive(Serialize)]
struct Unsupported {
    name: &'static str,
    why: &'static str,
}

impl From<&FunctionDoc> for Function {
    fn from(doc: &FunctionDoc) -> Self {
        let parameter = |param: &trafficscript::Param| Parameter {
            name: param.name,
            kind: param.kind.name(),
            presence: presence(param.presence),
            summary: param.summary,
        };
        let example = |example: &trafficscript::Example| Example {
            rule: example.rule,
            given: example.given,
            gives: example.gives,
        };
        Self {
            name: doc.name,
            family: doc.family(),
            aliases: doc.aliases.clone(),
            signature: doc.signature_with_result(),
            summary: doc.summary,
            parameters: doc.params.iter().map(parameter).collect(),
            returns: doc.returns.name(),
            stages: doc.stages.clone(),
            stages_text: doc.stages_sentence(),
            effect: doc.effect.sentence(),
            text: doc.doc,
            examples: doc.examples.iter().map(example).collect(),
            pending: pending_reason(doc.name),
        }
    }
}

const fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Required => "required",
        Presence::Optional => "optional",
        Presence::Repeated => "repeated",
    }
}

/// Prints what was asked for.
pub(crate) fn run(options: &DocOptions) -> anyhow::Result<Verdict> {
    let name = options.name.as_deref().unwrap_or_default();
    let is_list = options.all || name.ends_with('.');
    let functions = if is_list {
        FunctionDoc::beginning_with(builtins(), name)
    } else {
        FunctionDoc::find(builtins(), name).into_iter().collect()
    };
    let begins = |known: &str| {
        if is_list {
            known.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        } else {
            known.eq_ignore_ascii_case(name)
        }
    };
    let unsupported: Vec<Unsupported> = builtins()
        .all_unsupported()
        .filter(|(known, _)| begins(known))
        .map(|(name, why)| Unsupported { name, why })
        .collect();
    if functions.is_empty() && unsupported.is_empty() {
        bail!(Mistake(unknown(name)));
    }
    let mut out = std::io::stdout().lock();
    if options.format == OutputFormat::Json {
        let report = Report { functions: functions.iter().map(Function::from).collect(), unsupported };
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(Verdict::Good);
    }
    let page = Page { width: width(&out), coloured: colours(&out) };
    let text = if is_list { page.list(&functions, &unsupported) } else { page.of(&functions, &unsupported) };
    out.write_all(text.as_bytes())?;
    Ok(Verdict::Good)
}

fn unknown(name: &str) -> String {
    let family = name.trim_end_matches('.');
    match builtins().near(family) {
        Some(near) => format!("there is no function `{family}`; did you mean `{near}`?"),
        None => format!("there is no function `{name}`; `tidegate doc --all` lists them"),
    }
}

/// Characters of a line: those of the terminal, within reason.
fn width(out: &(impl IsTerminal + rustix::fd::AsFd)) -> usize {
    let columns = rustix::termios::tcgetwinsize(out).ok().filter(|_| out.is_terminal());
    columns.map_or(WIDTH_MAX, |size| usize::from(size.ws_col)).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// How a page is shown.
struct Page {
    width: usize,
    coloured: bool,
}

impl Page {
    fn strong(&self, text: &str) -> String {
        if self.coloured { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Names and summaries, by family.
    fn list(&self, functions: &[FunctionDoc], unsupported: &[Unsupported]) -> String {
        let mut out = String::new();
        let mut family = "";
        let longest = functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
        for function in functions {
            if function.family() != family {
                if !family.is_empty() {
                    out.push('\n');
                }
                family = function.family();
            }
            let pending = if pending_reason(function.name).is_some() { " (not yet)" } else { "" };
            let summary = format!("{}{pending}", function.summary);
            let lines = wrap(&summary, self.width.saturating_sub(longest + 2).max(20));
            for (at, line) in lines.iter().enumerate() {
                let name = if at == 0 { function.name } else { "" };
                let padding = " ".repeat(longest - name.len() + 2);
                out.extend([format!("{}{padding}{line}\n", self.strong(name))]);
            }
        }
        if !unsupported.is_empty() {
            let names: Vec<&str> = unsupported.iter().map(|unsupported| unsupported.name).collect();
            let heading = "Known by name, and not supported (`tidegate doc NAME` says why): ";
            out.extend([format!(
                "\n{}\n",
                wrap(&format!("{heading}{}", names.join(", ")), self.width).join("\n")
            )]);
        }
        out
    }

    /// Whole pages.
    fn of(&self, functions: &[FunctionDoc], unsupported: &[Unsupported]) -> String {
        let mut out: String = functions.iter().map(|function| self.function(function)).collect();
        for Unsupported { name, why } in unsupported {
            let text = format!("{name} is not supported by tidegate: {why}.");
            out.extend([format!("{}\n", wrap(&text, self.width).join("\n"))]);
        }
        out
    }

    fn function(&self, function: &FunctionDoc) -> String {
        let mut out = format!("{}\n", self.strong(&function.signature_with_result()));
        if !function.aliases.is_empty() {
            out.extend([format!("also: {}\n", function.aliases.join(", "))]);
        }
        out.push('\n');
        self.paragraph(&mut out, function.summary, "");
        if !function.params.is_empty() {
            out.push('\n');
        }
        for param in function.params {
            let presence = match param.presence {
                Presence::Required => "",
                Presence::Optional => ", optional",
                Presence::Repeated => ", any number of times",
            };
            let kind = if param.kind == Kind::Any { "any value" } else { param.kind.name() };
            let text = format!("{} ({kind}{presence}): {}", param.name, param.summary);
            self.paragraph(&mut out, &text, "   ");
        }
        out.push('\n');
        self.paragraph(&mut out, function.doc, "");
        if let Some(pending) = pending_reason(function.name) {
            out.push('\n');
            self.paragraph(&mut out, &format!("Not yet: it {pending}."), "");
        }
        out.push('\n');
        let where_and_what = format!("{} {}", function.stages_sentence(), function.effect.sentence());
        self.paragraph(&mut out, &where_and_what, "");
        out.extend([format!("\n{}\n", self.strong("Examples"))]);
        for example in function.examples {
            for line in example.rule.lines() {
                out.extend([format!("   {line}\n")]);
            }
            out.extend([format!("      gives {:?}\n", example.gives)]);
            for (at, line) in example.given.lines().enumerate() {
                out.extend([format!("      {} {line}\n", if at == 0 { "given" } else { "     " })]);
            }
        }
        out
    }

    fn paragraph(&self, out: &mut String, text: &str, indent: &str) {
        for paragraph in text.split("\n\n") {
            for line in wrap(paragraph, self.width.saturating_sub(indent.len())) {
                out.extend([format!("{indent}{line}\n")]);
            }
        }
    }
}

/// The words of a text in lines of at most that many characters, where words allow it.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
