//! What a file asks of the file system.

use super::{
    CondTest, ContainerCondition, Directive, DirectiveKind, Expression, File, HeaderCondition, Requirement,
    RequirementKind, RewriteCond, SetEnvIfTest, Template, TemplatePart,
};
use source::Span;

/// A question for a file of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFile {
    /// The condition or expression that asks.
    pub span: Span,
    /// Which file, where that is written out.
    pub path: Option<Vec<u8>>,
}

impl File {
    /// The questions for files of the machine, in the order of the text: `-f` and its kin of conditions, and of
    /// expressions wherever they stand.
    pub fn asks_for_files(&self) -> Vec<AskedFile> {
        let mut asked = Vec::new();
        all(&self.directives, &mut asked);
        asked
    }
}

fn all(directives: &[Directive], asked: &mut Vec<AskedFile>) {
    for directive in directives {
        match &directive.kind {
            DirectiveKind::RewriteRule(rule) => {
                for condition in &rule.conditions {
                    of_condition(condition, asked);
                }
            }
            DirectiveKind::SetEnvIf(set) => {
                if let SetEnvIfTest::Expression(expression) = &set.test {
                    of_expression(expression, asked);
                }
            }
            DirectiveKind::Require(requirement) => of_requirement(requirement, asked),
            DirectiveKind::Header(header) => {
                if let HeaderCondition::Expression(expression) = &header.condition {
                    of_expression(expression, asked);
                }
            }
            DirectiveKind::Container(container) => {
                if let ContainerCondition::If(expression) | ContainerCondition::ElseIf(expression) =
                    &container.condition
                {
                    of_expression(expression, asked);
                }
                all(&container.directives, asked);
            }
            _ => {}
        }
    }
}

fn of_condition(condition: &RewriteCond, asked: &mut Vec<AskedFile>) {
    match &condition.test {
        CondTest::File(_) | CondTest::FileAllowed => {
            asked.push(AskedFile { span: condition.span, path: literal(&condition.subject) });
        }
        CondTest::Expression(expression) => of_expression(expression, asked),
        _ => {}
    }
}

fn literal(template: &Template) -> Option<Vec<u8>> {
    match template.parts.as_slice() {
        [TemplatePart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}

fn of_requirement(requirement: &Requirement, asked: &mut Vec<AskedFile>) {
    match &requirement.kind {
        RequirementKind::Expression(expression) => of_expression(expression, asked),
        RequirementKind::All(inner) | RequirementKind::Any(inner) | RequirementKind::None(inner) => {
            for one in inner {
                of_requirement(one, asked);
            }
        }
        _ => {}
    }
}

fn of_expression(expression: &Expression, asked: &mut Vec<AskedFile>) {
    let paths = expression.read.asked_files().into_iter();
    asked.extend(paths.map(|path| AskedFile { span: expression.span, path: path.map(<[u8]>::to_vec) }));
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use source::Source;
    use std::sync::Arc;

    #[test]
    fn questions_for_files_are_found_wherever_they_are_asked() {
        let text = "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond /etc/a -F\nRewriteRule . - [F]\n\
                    <If \"-d '/b' && -n 'x' && ! -e %{REQUEST_FILENAME}\">\nRequire expr -s '/c'\n</If>\n\
                    SetEnvIfExpr \"'a' == 'b' || -f '/d'\" x\nHeader set X-A b \"expr=-x '/e'\"\nRewriteCond expr \"-L '/f'\"\n\
                    RewriteCond /g -U\nRewriteRule . - [F]\n";
        let parsed = parse(&Arc::new(Source::new(".htaccess", text)));
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        let asked: Vec<String> = parsed
            .file
            .asks_for_files()
            .into_iter()
            .map(|asked| {
                asked.path.map_or("?".to_owned(), |path| String::from_utf8_lossy(&path).into_owned())
            })
            .collect();
        assert_eq!(asked, ["?", "/etc/a", "/b", "?", "/c", "/d", "/e", "/f"]);
    }
}
