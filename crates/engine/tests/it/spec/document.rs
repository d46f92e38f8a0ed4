//! Markdown taken apart: headings and fenced blocks become scenes.

/// A fenced block that means something.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The line of its first line of text, from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// When a rule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Request,
    Response,
    Completion,
    /// Over raw bytes; a scene with such a rule is one of a raw connection.
    RawRequest,
    RawResponse,
    /// Not attached: there to be imported.
    Library,
}

/// A rule block.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) stage: Stage,
    /// A rule with a name may be used again, and its warnings need not be remarked on.
    pub(super) name: Option<String>,
    /// Empty: the text of an earlier rule of that name.
    pub(super) block: Block,
}

/// What is run and judged together: from the first block up to an `expect`, or to the next heading.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    pub(super) heading: String,
    pub(super) catalog: Option<Block>,
    pub(super) rules: Vec<Rule>,
    /// `.htaccess` files, by the prefixes of paths that they are for.
    pub(super) htaccess: Vec<(String, Block)>,
    /// Paths and texts of other files, beside the catalog.
    pub(super) files: Vec<(String, String)>,
    pub(super) node: Option<Block>,
    /// What the world answers to rules that go out.
    pub(super) world: Option<Block>,
    pub(super) traffic: Option<Block>,
    /// What goes over a raw connection.
    pub(super) bytes: Option<Block>,
    pub(super) values: Option<Block>,
    pub(super) expect: Option<Block>,
}

/// A file.
#[derive(Debug)]
pub(super) struct Document {
    /// Relative to `spec/`.
    pub(super) path: String,
    pub(super) scenes: Vec<Scene>,
}

impl Document {
    /// The text of a named rule, wherever in the file it is given.
    pub(super) fn rule_text(&self, name: &str) -> Option<&str> {
        let mut rules = self.scenes.iter().flat_map(|scene| &scene.rules);
        let rule =
            rules.find(|rule| rule.name.as_deref() == Some(name) && !rule.block.text.trim().is_empty())?;
        Some(&rule.block.text)
    }
}

impl Scene {
    fn is_empty(&self) -> bool {
        self.rules.is_empty()
            && self.htaccess.is_empty()
            && self.values.is_none()
            && self.traffic.is_none()
            && self.catalog.is_none()
    }
}

/// Takes a text apart.
///
/// # Errors
/// A sentence with the place, where a block is of no known kind or stands where it cannot.
pub(super) fn parse(path: &str, text: &str) -> Result<Document, String> {
    let mut parser =
        Parser { scenes: Vec::new(), scene: Scene::default(), is_fresh: false, htaccess_is_fresh: false };
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.starts_with('#') {
            parser.end_scene();
            parser.scene =
                Scene { heading: line.trim_start_matches('#').trim().to_owned(), ..Scene::default() };
        } else if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let block = Block { line: index + 2, text: body.join("\n") };
            parser.block(info.trim(), block).map_err(|why| format!("spec/{path}:{}: {why}", index + 1))?;
        }
    }
    parser.end_scene();
    Ok(Document { path: path.to_owned(), scenes: parser.scenes })
}

struct Parser {
    scenes: Vec<Scene>,
    scene: Scene,
    /// The scene's catalog or an `.htaccess` file was given in it, not carried over from the one before.
    is_fresh: bool,
    htaccess_is_fresh: bool,
}

impl Parser {
    fn block(&mut self, info: &str, block: Block) -> Result<(), String> {
        let words: Vec<&str> = info.split_whitespace().collect();
        match words[..] {
            ["catalog"] => {
                if self.scene.catalog.is_some() || self.htaccess_is_fresh {
                    self.end_scene();
                    self.scene.catalog = None;
                }
                self.is_fresh = true;
                self.scene.catalog = Some(block);
            }
            ["rule", stage, ref name @ ..] if name.len() < 2 => {
                let stage = match stage {
                    "request" => Stage::Request,
                    "response" => Stage::Response,
                    "completion" => Stage::Completion,
                    "raw-request" => Stage::RawRequest,
                    "raw-response" => Stage::RawResponse,
                    "library" => Stage::Library,
                    other => return Err(format!("no stage is called `{other}`")),
                };
                let name = name.first().map(|name| (*name).to_owned());
                self.scene.rules.push(Rule { stage, name, block });
            }
            ["htaccess"] => self.htaccess("/", block),
            ["htaccess", prefix] if prefix.starts_with('/') => self.htaccess(prefix, block),
            ["file", path] => self.scene.files.push((path.to_owned(), format!("{}\n", block.text))),
            ["node"] => self.scene.node = Some(block),
            ["world"] => self.scene.world = Some(block),
            ["traffic"] if self.scene.traffic.is_some() => {
                return Err("a second traffic before an expect".to_owned());
            }
            ["traffic"] => self.scene.traffic = Some(block),
            ["bytes"] => self.scene.bytes = Some(block),
            ["values"] => {
                self.scene.values = Some(block);
                self.next_scene();
            }
            ["expect"] => {
                self.scene.expect = Some(block);
                self.next_scene();
            }
            ["text", ..] => {}
            _ => return Err(format!("no block is called `{info}` (`text` marks one that is only read)")),
        }
        Ok(())
    }

    /// A file in the place of the one that was carried over, or of all of them where it is the first of its scene.
    fn htaccess(&mut self, prefix: &str, block: Block) {
        if self.htaccess_is_fresh && self.scene.htaccess.iter().any(|(known, _)| known == prefix) {
            self.end_scene();
        }
        if !self.htaccess_is_fresh {
            self.scene.htaccess.clear();
        }
        (self.htaccess_is_fresh, self.is_fresh) = (true, true);
        self.scene.htaccess.push((prefix.to_owned(), block));
    }

    /// What comes under the same heading keeps the catalog, the `.htaccess` files and the others.
    fn next_scene(&mut self) {
        let next = Scene {
            heading: self.scene.heading.clone(),
            catalog: self.scene.catalog.clone(),
            htaccess: self.scene.htaccess.clone(),
            files: self.scene.files.clone(),
            ..Scene::default()
        };
        self.scenes.push(std::mem::replace(&mut self.scene, next));
        (self.is_fresh, self.htaccess_is_fresh) = (false, false);
    }

    fn end_scene(&mut self) {
        let only_carried = self.scene.rules.is_empty() && self.scene.traffic.is_none() && !self.is_fresh;
        if !self.scene.is_empty() && !only_carried {
            self.next_scene();
        }
        (self.is_fresh, self.htaccess_is_fresh) = (false, false);
    }
}
