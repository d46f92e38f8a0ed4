//! The same steps in rhai. Regular expressions are no part of it: it gets the engine that TrafficScript uses.

use crate::desk::{Desk, Request};
use pattern::{Case, Groups, Pattern};
use rhai::{AST, Engine, ImmutableString, OptimizationLevel, Scope};
use std::cell::RefCell;
use std::rc::Rc;

const SCRIPT: &str = r#"
fn decide() {
    let whitelist = "localhost 172.16.121.100";
    let high_traffic = "google mypartner.com";
    let shape_queue = 2;
    let referer = site(header("Referer"));
    if cookie("AbusiveReferer") != "" {
        bandwidth("AbusiveReferer");
    }
    if whitelist.contains(referer) {
        return;
    }
    let queued = 0;
    if high_traffic.contains(referer) {
        queued = backlog("BusyReferer", referer);
        enter("BusyReferer", referer);
    } else {
        queued = backlog("StandardReferer", referer);
        enter("StandardReferer", referer);
    }
    if queued > shape_queue {
        mark("AbusiveReferer", referer);
        bandwidth("AbusiveReferer");
    }
}
decide();
"#;

pub(crate) struct Script {
    engine: Engine,
    ast: AST,
    desk: Rc<RefCell<Desk>>,
}

fn text(bytes: &[u8]) -> ImmutableString {
    std::str::from_utf8(bytes).expect("UTF-8").into()
}

impl Script {
    pub(crate) fn new(request: Request) -> Self {
        let desk = Rc::new(RefCell::new(Desk::new(request)));
        let mut engine = Engine::new();
        // `Full` would call the functions while compiling.
        engine.set_optimization_level(OptimizationLevel::Simple);
        let pattern = Pattern::new(b".*?://(.*?)/.*", Case::Insensitive).expect("a pattern");
        engine.register_fn("site", move |text: ImmutableString| -> ImmutableString {
            let mut groups = Groups::default();
            let found = pattern.find_at(text.as_bytes(), 0, &mut groups);
            match groups.get(1) {
                Some(range) if found == Ok(true) => text[range].into(),
                _ => text,
            }
        });
        let own = Rc::clone(&desk);
        engine.register_fn("header", move |name: &str| text(own.borrow().header(name.as_bytes())));
        let own = Rc::clone(&desk);
        engine.register_fn("cookie", move |name: &str| text(own.borrow().cookie(name.as_bytes())));
        let own = Rc::clone(&desk);
        engine.register_fn("bandwidth", move |_name: &str| own.borrow_mut().marked += 1);
        let own = Rc::clone(&desk);
        engine.register_fn("mark", move |_name: &str, _value: &str| own.borrow_mut().marked += 1);
        let own = Rc::clone(&desk);
        engine.register_fn("backlog", move |class: &str, context: &str| {
            own.borrow_mut().backlog(class.as_bytes(), context.as_bytes())
        });
        let own = Rc::clone(&desk);
        engine.register_fn("enter", move |class: &str, context: &str| {
            own.borrow_mut().enter(class.as_bytes(), context.as_bytes());
        });
        // Without the function around it: rhai runs it a little faster so.
        let body = SCRIPT.trim().strip_prefix("fn decide() {").expect("a function");
        let body = body.strip_suffix("}\ndecide();").expect("a call");
        let ast = engine.compile(body).expect("a script");
        Self { engine, ast, desk }
    }

    pub(crate) fn run(&mut self, runs: u32) {
        for _ in 0..runs {
            self.engine.run_ast_with_scope(&mut Scope::new(), &self.ast).expect("a run");
        }
        assert_eq!(self.desk.borrow().marked, 0);
    }
}
