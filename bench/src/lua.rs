//! The same steps in LuaJIT, its compiler on. Lua's own patterns stand for the regular expression, as in the peers.

use crate::desk::{Desk, Request, fields};
use mlua::{Function, Lua};
use std::cell::RefCell;
use std::rc::Rc;

/// Everything is Lua's own: fields (by lower-case name) and counts are tables.
const TABLES: &str = r#"
local find, match = string.find, string.match
local counts = {}
local fields, cookies = fields, {}
started, marked = 0, 0
return function()
  local whitelist, high_traffic, shape_queue = "localhost 172.16.121.100", "google mypartner.com", 2
  local referer = fields["referer"] or ""
  local host = match(referer, "^.-://(.-)/"); if host then referer = host end
  local cookie = cookies["AbusiveReferer"]
  if cookie and cookie ~= "" then marked = marked + 1 end
  if find(whitelist, referer, 1, true) then return end
  local class = "StandardReferer"
  if find(high_traffic, referer, 1, true) then class = "BusyReferer" end
  local key = class .. "|" .. referer
  local backlog = counts[key] and 0 or 0
  counts[key] = (counts[key] or 0) + 1
  started = started + 1
  if backlog > shape_queue then marked = marked + 2 end
end
"#;

/// The host is asked for what is the host's.
const HOST: &str = r#"
local find, match = string.find, string.match
local header, cookie, backlog, enter, mark = header, cookie, backlog, enter, mark
return function()
  local whitelist, high_traffic, shape_queue = "localhost 172.16.121.100", "google mypartner.com", 2
  local referer = header("Referer")
  local host = match(referer, "^.-://(.-)/"); if host then referer = host end
  if cookie("AbusiveReferer") ~= "" then mark("AbusiveReferer") end
  if find(whitelist, referer, 1, true) then return end
  local queued
  if find(high_traffic, referer, 1, true) then
    queued = backlog("BusyReferer", referer); enter("BusyReferer", referer)
  else
    queued = backlog("StandardReferer", referer); enter("StandardReferer", referer)
  end
  if queued > shape_queue then mark("AbusiveReferer"); mark("AbusiveReferer") end
end
"#;

fn start(lua: &Lua, script: &str) -> Function {
    let is_on: bool = lua.load("return (jit.status())").eval().expect("an answer");
    assert!(is_on, "LuaJIT's compiler is off");
    lua.load(script).eval().expect("a function")
}

pub(crate) struct Tables {
    lua: Lua,
    function: Function,
    expected: u64,
    enters: bool,
}

impl Tables {
    pub(crate) fn new(request: Request) -> Self {
        let lua = Lua::new();
        let table = lua.create_table().expect("a table");
        for (name, value) in fields(request) {
            let (name, value) = (lua.create_string(name.to_ascii_lowercase()), lua.create_string(value));
            table.set(name.expect("a string"), value.expect("a string")).expect("an entry");
        }
        lua.globals().set("fields", table).expect("a global");
        let function = start(&lua, TABLES);
        Self { lua, function, expected: 0, enters: !request.referer.is_empty() }
    }

    pub(crate) fn run(&mut self, runs: u32) {
        for _ in 0..runs {
            self.function.call::<()>(()).expect("a run");
        }
        self.expected += u64::from(runs) * u64::from(self.enters);
        let (started, marked): (u64, u64) = self.lua.load("return started, marked").eval().expect("two");
        assert_eq!((started, marked), (self.expected, 0));
    }
}

pub(crate) struct Host {
    _lua: Lua,
    function: Function,
    desk: Rc<RefCell<Desk>>,
}

impl Host {
    pub(crate) fn new(request: Request) -> Self {
        let lua = Lua::new();
        let desk = Rc::new(RefCell::new(Desk::new(request)));
        let set = |name: &str, function: mlua::Result<Function>| {
            lua.globals().set(name, function.expect("a function")).expect("a global");
        };
        let own = Rc::clone(&desk);
        set(
            "header",
            lua.create_function(move |lua, name: mlua::String| {
                lua.create_string(own.borrow().header(&name.as_bytes()))
            }),
        );
        let own = Rc::clone(&desk);
        set(
            "cookie",
            lua.create_function(move |lua, name: mlua::String| {
                lua.create_string(own.borrow().cookie(&name.as_bytes()))
            }),
        );
        let own = Rc::clone(&desk);
        set(
            "mark",
            lua.create_function(move |_, _: mlua::String| {
                own.borrow_mut().marked += 1;
                Ok(())
            }),
        );
        let own = Rc::clone(&desk);
        set(
            "backlog",
            lua.create_function(move |_, (class, context): (mlua::String, mlua::String)| {
                Ok(own.borrow_mut().backlog(&class.as_bytes(), &context.as_bytes()))
            }),
        );
        let own = Rc::clone(&desk);
        set(
            "enter",
            lua.create_function(move |_, (class, context): (mlua::String, mlua::String)| {
                own.borrow_mut().enter(&class.as_bytes(), &context.as_bytes());
                Ok(())
            }),
        );
        let function = start(&lua, HOST);
        Self { _lua: lua, function, desk }
    }

    pub(crate) fn run(&mut self, runs: u32) {
        for _ in 0..runs {
            self.function.call::<()>(()).expect("a run");
        }
        assert_eq!(self.desk.borrow().marked, 0);
    }
}
